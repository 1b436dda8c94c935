//! What a writer writes: a line about as long and as varied as an audit event, and no two of them equal.

use std::ops::Range;

/// The least bytes that an event has: its counter, its writer and the names of both.
pub const LEAST: usize = 64;

const HEAD: &str = r#"{"count":"000000000000","writer":""#;
/// Where the counter's digits stand.
const COUNT: Range<usize> = 10..22;
const FILLER: &str = "the signing key of the tenant was rotated by an operator on a schedule, and by nobody else; ";

/// One writer's event.
#[derive(Debug)]
pub struct Event(Vec<u8>);

impl Event {
    /// An event of so many bytes, [`LEAST`] at least, and a newline.
    #[must_use]
    pub fn new(writer: usize, bytes: usize) -> Self {
        let mut line = format!(r#"{HEAD}{writer:06}","text":""#).into_bytes();
        let end = bytes.max(LEAST) - 2;
        line.extend(FILLER.bytes().cycle().take(end.saturating_sub(line.len())));
        line.extend_from_slice(b"\"}\n");
        Event(line)
    }

    /// Makes it the next one.
    pub fn step(&mut self) {
        count_up(&mut self.0);
    }

    /// With the newline.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.0
    }

    /// Without it.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.0.split_last().map_or(&[], |(_, body)| body)
    }
}

/// Counts an event up where it stands.
pub fn count_up(line: &mut [u8]) {
    for digit in line[COUNT].iter_mut().rev() {
        if *digit != b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_the_length_asked_for_and_differ() {
        let mut event = Event::new(7, 400);
        let mut seen = std::collections::BTreeSet::new();
        for count in 1..=1001 {
            event.step();
            assert_eq!((event.line().len(), event.body().len()), (401, 400));
            let read: serde_json::Value = serde_json::from_slice(event.line()).unwrap();
            assert_eq!(read["count"], format!("{count:012}"));
            assert_eq!(read["writer"], "000007");
            assert!(seen.insert(event.line().to_vec()));
        }
        assert_eq!(Event::new(0, 0).body().len(), LEAST);
    }
}
