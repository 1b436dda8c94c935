//! What can happen to a journal, done to it. Each runs shortly among the unit tests; `cargo xtask faults` runs them at full
//! length, in a release build, and prints what they say as a table.

mod clock;
mod device;
mod disk;
mod kill;
mod power;
mod tamper;
mod trust;

use std::fmt::Display;

/// How often: a few times, or at full length.
fn times(short: usize, full: usize) -> usize {
    if std::env::var_os("ROCKY_FAULTS").is_some() { full } else { short }
}

/// A row of the table: what was done, and how often it held.
fn held(what: &str, times: impl Display) {
    println!("FAULT\t{what}\t{times}");
}

/// A reproducible choice: the seed is said where a test fails.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = std::env::var("ROCKY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1);
        println!("ROCKY_SEED={seed}");
        Dice(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or_default()
    }
}
