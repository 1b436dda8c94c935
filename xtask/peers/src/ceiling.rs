//! `ceiling`: what the disk itself can do. One thread, one write of many events, one `fdatasync`, again and again: no
//! journal that syncs as often is faster.

use std::{fs::File, io::Write, path::Path};

use crate::{
    args::at,
    event::{self, Event},
    measure::Laps,
    writers::Plan,
};

/// Measures it in this folder, with so many events a write. Each time is that of a whole write and its sync.
///
/// # Errors
/// The file cannot be made, written or synced.
pub fn run(plan: &Plan, folder: &Path, batch: usize) -> Result<Vec<u32>, String> {
    let path = folder.join("events.jsonl");
    let mut file = File::options().append(true).create_new(true).open(&path).map_err(at(&path))?;
    let mut lines: Vec<u8> = Vec::new();
    for number in 0..batch {
        lines.extend_from_slice(Event::new(number, plan.bytes).line());
    }
    let each = Event::new(0, plan.bytes).line().len();
    let mut laps = Laps::new(plan.window());
    loop {
        // Counted up where they stand: the disk is measured, not the copying.
        lines.chunks_exact_mut(each).for_each(event::count_up);
        let written = file.write_all(&lines);
        written.and_then(|()| file.sync_data()).map_err(at(&path))?;
        if !laps.lap() {
            return Ok(laps.into_micros());
        }
    }
}
