//! `raft-engine`: TiKV's log engine, which groups the writes of many threads under one `fdatasync` by itself.

use std::path::Path;

use raft_engine::{Config, Engine, LogBatch};

use crate::{
    event::Event,
    writers::{Plan, on_threads},
};

/// Each thread writes over so many keys, again and again: the engine keeps the newest value of each in memory.
const KEYS: u64 = 64;

/// Measures it in this folder, with the engine's own defaults.
///
/// # Errors
/// The engine cannot be opened or written. It panics where it cannot sync.
pub fn run(plan: &Plan, folder: &Path) -> Result<Vec<u32>, String> {
    let dir = folder.to_str().ok_or_else(|| format!("{} is not UTF-8", folder.display()))?.to_owned();
    let engine = Engine::open(Config { dir, ..Config::default() });
    let engine = &engine.map_err(|error| format!("raft-engine cannot be opened: {error}"))?;
    on_threads(plan, move |number| {
        let region = number as u64 + 1;
        let mut batch = LogBatch::default();
        let mut count: u64 = 0;
        move |event: &Event| {
            count += 1;
            let key = (count % KEYS).to_be_bytes().to_vec();
            let put = batch.put(region, key, event.body().to_vec());
            let written = put.and_then(|()| engine.write(&mut batch, true));
            written.map(drop).map_err(|error| format!("raft-engine cannot be written: {error}"))
        }
    })
}
