//! What stands at the end of a line, and what its hash is over: whoever checks a chain slices bytes and reads no JSON.
//!
//! `..,"sequence":"20 digits","prevhash":"64 digits","hash":"64 digits"}`, where `hash` is SHA-256 over [`DOMAIN`] and the
//! line's bytes before `,"hash":`. In front of that, the first line of those that are made durable together says that it is:
//! `,"batchstart":true`. It is written only after those before it are durable, so whoever finds one knows that they were.

use std::fmt;

use sha2::{Digest, Sha256};

/// Hashed before each line, so that a line's hash is nobody else's.
const DOMAIN: &[u8] = b"rocky hatch line 1\n";
const BATCH: &[u8] = b",\"batchstart\":true";
const SEQUENCE: &[u8] = b",\"sequence\":\"";
const PREVHASH: &[u8] = b"\",\"prevhash\":\"";
const HASH: &[u8] = b",\"hash\":\"";
const END: &[u8] = b"\"}";
const DIGITS: usize = 20;
/// No chain is so long, and none can be said to be.
const MOST: u64 = u64::MAX / 2;
const HEX: usize = 64;
/// From `,"hash":"` to the end.
const SUFFIX: usize = HASH.len() + HEX + END.len();
/// From `,"sequence":"` to the end.
const TAIL: usize = SEQUENCE.len() + DIGITS + PREVHASH.len() + HEX + 1 + SUFFIX;
/// What a line is longer than its event, at most: its place, and its end.
pub(super) const PLACE: usize = BATCH.len() + TAIL + 1;

/// A line's hash, as it is written: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash([u8; HEX]);

/// Where a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) sequence: u64,
    pub(super) hash: Hash,
}

/// What a line says of its place, once its hash is known to be that of its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The line before it.
    pub(super) before: Link,
    /// The line itself.
    pub(super) itself: Link,
}

impl Hash {
    /// The `prevhash` of a chain's first line.
    pub(super) const GENESIS: Hash = Hash([b'0'; HEX]);

    /// Of a line's bytes before `,"hash":`.
    pub(super) fn of(before: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(DOMAIN).chain_update(before).finalize();
        let mut text = [0; HEX];
        for (two, byte) in text.chunks_exact_mut(2).zip(digest) {
            (two[0], two[1]) = (digit(byte >> 4), digit(byte & 15));
        }
        Hash(text)
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Link {
    /// Before a chain's first line.
    pub(super) const GENESIS: Link = Link { sequence: 0, hash: Hash::GENESIS };

    /// Ends a line that begins there in the buffer with its place in the chain, which stands at that line from then on.
    /// `first`: whether it is the first of a batch.
    pub(super) fn seal(&mut self, buffer: &mut Vec<u8>, begin: usize, first: bool) {
        self.sequence += 1;
        if first {
            buffer.extend_from_slice(BATCH);
        }
        buffer.extend_from_slice(SEQUENCE);
        buffer.extend_from_slice(&digits(self.sequence));
        buffer.extend_from_slice(PREVHASH);
        buffer.extend_from_slice(&self.hash.0);
        buffer.push(b'"');
        self.hash = Hash::of(&buffer[begin..]);
        buffer.extend_from_slice(HASH);
        buffer.extend_from_slice(&self.hash.0);
        buffer.extend_from_slice(END);
        buffer.push(b'\n');
    }
}

/// The place of a line, which stands here without its newline; an error says why it is none.
pub(super) fn place(line: &[u8]) -> Result<Place, String> {
    let cut = line.len().checked_sub(TAIL).ok_or("it is too short")?;
    let (before, suffix) = line.split_at(line.len() - SUFFIX);
    let hash = Hash::of(before);
    let whole = suffix.strip_prefix(HASH).and_then(|rest| rest.strip_suffix(END));
    if whole != Some(&hash.0) {
        return Err("its hash does not match its content".to_owned());
    }
    let chained = before[cut..].strip_prefix(SEQUENCE).and_then(|rest| {
        let (sequence, rest) = rest.split_first_chunk::<DIGITS>()?;
        let prevhash = rest.strip_prefix(PREVHASH)?.strip_suffix(b"\"")?;
        Some((number(sequence)?, Hash(prevhash.try_into().ok()?)))
    });
    let (sequence, prevhash) = chained.ok_or("it has no place in a chain: its sequence or its prevhash is missing")?;
    let before = sequence.checked_sub(1).ok_or("its sequence is 0, and a chain begins with 1")?;
    Ok(Place { before: Link { sequence: before, hash: prevhash }, itself: Link { sequence, hash } })
}

/// Whether this line, which stands here without its newline, is whole and the first of a batch.
pub(super) fn begins_batch(line: &[u8]) -> bool {
    let body = line.len().checked_sub(TAIL).map(|cut| &line[..cut]);
    body.is_some_and(|body| body.ends_with(BATCH)) && place(line).is_ok()
}

impl Place {
    /// Whether it is the next one; an error says why it cannot be.
    pub(super) fn follows(&self, chain: &Link) -> Result<(), String> {
        if self.before.hash != chain.hash {
            return Err("it does not follow the line before: prevhash is another line's".to_owned());
        }
        if self.before.sequence != chain.sequence {
            return Err(format!("its sequence is {}, expected {}", self.itself.sequence, chain.sequence + 1));
        }
        Ok(())
    }
}

/// 20 digits, zero-padded.
fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut text = [b'0'; DIGITS];
    for digit in text.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    text
}

fn number(text: &[u8; DIGITS]) -> Option<u64> {
    let (first, rest) = text.split_first()?;
    if *first != b'0' || !rest.iter().all(u8::is_ascii_digit) {
        return None; // too large, or none
    }
    // 19 digits fit.
    let number = rest.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(number).filter(|number| *number < MOST)
}

/// A hexadecimal digit, worked out so that many are at once.
const fn digit(half: u8) -> u8 {
    half + b'0' + (half > 9) as u8 * (b'a' - b'9' - 1)
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_twenty_digits() {
        for (sequence, text) in
            [(0, "00000000000000000000"), (1, "00000000000000000001"), (MOST - 1, "09223372036854775806")]
        {
            assert_eq!(digits(sequence), text.as_bytes());
            assert_eq!(number(&digits(sequence)), Some(sequence));
        }
        for beyond in [b"09223372036854775807", b"18446744073709551615", b"18446744073709551616"] {
            assert_eq!(number(beyond), None);
        }
        assert_eq!(number(b"0000000000000000000x"), None);
    }

    #[test]
    fn what_was_sealed_says_its_place() {
        let mut chain = Link::GENESIS;
        let mut buffer = b"{\"a\":1".to_vec();
        chain.seal(&mut buffer, 0, true);
        let first = buffer.len();
        buffer.extend_from_slice(b"{\"a\":2");
        chain.seal(&mut buffer, first, false);
        let place = |line: &[u8]| super::place(line.strip_suffix(b"\n").unwrap());
        let one = place(&buffer[..first]).unwrap();
        let two = place(&buffer[first..]).unwrap();
        assert_eq!(one.before, Link::GENESIS);
        assert_eq!((two.before, two.itself), (one.itself, chain));
        assert!(two.follows(&one.itself).is_ok());
        assert!(one.follows(&one.itself).unwrap_err().contains("prevhash"));
        let line = |line: &[u8]| begins_batch(line.strip_suffix(b"\n").unwrap());
        assert!(line(&buffer[..first]) && !line(&buffer[first..]) && !begins_batch(&buffer[..first]));
        // The hash of the rule, by the rule.
        let line = std::str::from_utf8(&buffer[..first]).unwrap();
        let before = line.split(",\"hash\":").next().unwrap();
        let digest = Sha256::digest([b"rocky hatch line 1\n", before.as_bytes()].concat());
        assert_eq!(one.itself.hash.as_str(), hex::encode(digest));
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (value["batchstart"].as_bool(), value["sequence"].as_str()),
            (Some(true), Some("00000000000000000001"))
        );
    }

    #[test]
    fn a_line_without_a_place_has_none() {
        let with = |before: &str| format!("{before},\"hash\":\"{}\"}}", Hash::of(before.as_bytes()).as_str());
        let zero = "0".repeat(64);
        for (before, says) in [
            (format!("{{\"a\":1{}", " ".repeat(200)), "no place"),
            (format!("{{\"a\":1,\"sequence\":\"{:020}\",\"prevhash\":\"{zero}\"", 0), "begins with 1"),
            (format!("{{\"a\":1,\"sequence\":\"{:>20}\",\"prevhash\":\"{zero}\"", 7), "no place"),
        ] {
            assert!(super::place(with(&before).as_bytes()).unwrap_err().contains(says), "{before}");
        }
        assert!(super::place(b"{}").unwrap_err().contains("too short"));
        assert!(super::place(&[b'x'; 300]).unwrap_err().contains("hash"));
    }
}
