//! What the cloud build's tests run against: a real BetterAuth server.

pub mod better_auth;
