//! How long each door may take.

use std::time::Duration;

/// Time limits, all settable. Past one of them the answer is a refusal, never a hang.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Airlock's answer: 2 s, then 503 `airlock-unavailable`.
    pub airlock: Duration,
    /// One HATCH write: 2 s, then 503 `hatch-unavailable` before the action, 500 `outcome-unrecorded` after it.
    pub hatch: Duration,
    /// From the durable started event to the moment the action begins: 30 s, then 503 `too-late`.
    pub token: Duration,
    /// The action itself: 60 s, then 502 `driver-failed`.
    pub driver: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            airlock: Duration::from_secs(2),
            hatch: Duration::from_secs(2),
            token: Duration::from_secs(30),
            driver: Duration::from_secs(60),
        }
    }
}
