//! `naive`: a file behind a lock, and `fdatasync` for each event. What most audit logs that wait for the disk do.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::{
    args::at,
    event::Event,
    writers::{Plan, on_threads},
};

/// Measures it in this folder.
///
/// # Errors
/// The file cannot be made, written or synced.
pub fn run(plan: &Plan, folder: &Path) -> Result<Vec<u32>, String> {
    let path = folder.join("events.jsonl");
    let file = File::options().append(true).create_new(true).open(&path).map_err(at(&path))?;
    let (file, path) = (&Mutex::new(file), &path);
    on_threads(plan, move |_| {
        move |event: &Event| {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let written = file.write_all(event.line());
            written.and_then(|()| file.sync_data()).map_err(at(path))
        }
    })
}
