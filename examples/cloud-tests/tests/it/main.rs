//! The cloud build against the servers that it asks. `cargo xtask test --only cloud` runs these tests.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod airlock;
