//! The clock, the same for every peer, and what it says at the end.

use std::time::{Duration, Instant};

use serde::Serialize;

/// When it is measured: an event counts where it becomes durable in between.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    opens: Instant,
    closes: Instant,
}

impl Window {
    /// From the end of the warm-up on.
    #[must_use]
    pub fn new(warm_up: Duration, measured: Duration) -> Self {
        let opens = Instant::now() + warm_up;
        Window { opens, closes: opens + measured }
    }
}

/// One writer's events, one after the other, and how long each took.
#[derive(Debug)]
pub struct Laps {
    window: Window,
    began: Instant,
    micros: Vec<u32>,
}

impl Laps {
    /// The first event begins now.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Laps { window, began: Instant::now(), micros: Vec::with_capacity(1 << 12) }
    }

    /// Ends an event and begins the next one, in one look at the clock; `false` once the window is closed.
    #[must_use]
    pub fn lap(&mut self) -> bool {
        let ended = Instant::now();
        if ended >= self.window.closes {
            return false;
        }
        if ended >= self.window.opens {
            let micros = ended.duration_since(self.began).as_micros();
            self.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
        self.began = ended;
        true
    }

    /// The time of each event that counts, in microseconds.
    #[must_use]
    pub fn into_micros(self) -> Vec<u32> {
        self.micros
    }
}

/// What several writers measured, in one; or the first error.
///
/// # Errors
/// The first one of theirs.
pub fn together(parts: impl IntoIterator<Item = Result<Vec<u32>, String>>) -> Result<Vec<u32>, String> {
    let mut all = Vec::new();
    for part in parts {
        all.append(&mut part?);
    }
    Ok(all)
}

/// The line that a peer prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub peer: String,
    /// How many wrote at once.
    pub writers: usize,
    /// Events a lap, where it is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Events within the window.
    pub events: u64,
    /// How long it was open.
    pub seconds: f64,
    /// Events a second.
    pub per_second: f64,
    /// Half of the laps took no longer, in microseconds.
    pub p50_us: u32,
    /// 99 of 100 laps took no longer, in microseconds.
    pub p99_us: u32,
}

impl Report {
    /// Of these laps, each of `batch` events.
    ///
    /// # Errors
    /// There were none.
    pub fn new(
        peer: &str,
        writers: usize,
        batch: Option<usize>,
        measured: Duration,
        mut micros: Vec<u32>,
    ) -> Result<Self, String> {
        let events = micros.len() as u64 * batch.unwrap_or(1) as u64;
        let (Some(p50_us), Some(p99_us)) = (percentile(&mut micros, 50), percentile(&mut micros, 99)) else {
            return Err("nothing became durable while it was measured: measure for longer".to_owned());
        };
        let seconds = measured.as_secs_f64();
        let per_second = events as f64 / seconds;
        Ok(Report { peer: peer.to_owned(), writers, batch, events, seconds, per_second, p50_us, p99_us })
    }
}

/// The least of them that so many of a hundred do not exceed.
fn percentile(micros: &mut [u32], of_a_hundred: usize) -> Option<u32> {
    let rank = (micros.len() * of_a_hundred).div_ceil(100).checked_sub(1)?;
    let (_, micros, _) = micros.select_nth_unstable(rank);
    Some(*micros)
}

/// Prints what was measured, as one line of JSON.
///
/// # Errors
/// It cannot be written as JSON.
pub fn print(measured: &impl Serialize) -> Result<(), String> {
    let line = serde_json::to_string(measured).map_err(|error| format!("the result is no JSON: {error}"))?;
    println!("{line}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut hundred: Vec<u32> = (1..=100).rev().collect();
        assert_eq!((percentile(&mut hundred, 50), percentile(&mut hundred, 99)), (Some(50), Some(99)));
        assert_eq!((percentile(&mut [7], 50), percentile(&mut [7], 99)), (Some(7), Some(7)));
        assert_eq!(percentile(&mut [], 50), None);
    }

    #[test]
    fn a_lap_counts_while_the_window_is_open() {
        let mut early = Laps::new(Window::new(Duration::from_secs(60), Duration::from_secs(60)));
        assert!(early.lap());
        assert!(early.into_micros().is_empty());
        let mut open = Laps::new(Window::new(Duration::ZERO, Duration::from_secs(60)));
        assert!(open.lap());
        assert_eq!(open.into_micros().len(), 1);
        let mut late = Laps::new(Window::new(Duration::ZERO, Duration::ZERO));
        assert!(!late.lap());
        assert!(late.into_micros().is_empty());
    }

    #[test]
    fn a_line_says_what_it_should() {
        let line = |batch, micros| {
            let report = Report::new("naive", 64, batch, Duration::from_secs(2), micros).unwrap();
            serde_json::to_string(&report).unwrap()
        };
        let said = r#"{"peer":"naive","writers":64,"events":4,"seconds":2.0,"per_second":2.0,"p50_us":2,"p99_us":4}"#;
        assert_eq!(line(None, vec![4, 3, 2, 1]), said);
        assert!(line(Some(10), vec![1]).contains(r#""batch":10,"events":10,"seconds":2.0,"per_second":5.0"#));
        assert!(Report::new("naive", 64, None, Duration::from_secs(2), Vec::new()).is_err());
    }
}
