//! What rocky's benchmarks compare with: other ways to make an event durable, and SHA-256 alone.
//!
//! Each peer writes as it does at its best, in a closed loop: a writer sends its next event once the one before is
//! durable. They are measured alike, so that a number stands for the peer and not for how it was measured.
#![forbid(unsafe_code)]

pub mod args;
pub mod ceiling;
pub mod client;
pub mod event;
pub mod measure;
pub mod naive;
pub mod raft;
pub mod scratch;
pub mod sha256;
pub mod sqlite;
pub mod writers;
