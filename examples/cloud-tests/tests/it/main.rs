//! The cloud build as its users meet it: a real BetterAuth server, a fake Polar, the real doors between them.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod airlock;
mod fake;
mod house;
mod lapses;
mod operator;
mod polar;
mod secrets;
