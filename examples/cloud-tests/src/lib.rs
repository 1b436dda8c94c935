//! What the tests of the cloud build need beside it: [`fake_polar`], a [`clock`] that is set by hand, a real
//! [`better_auth`] server. No crate of the product depends on this one.
#![expect(clippy::unwrap_used, reason = "what tests stand on fails as they do")]

pub mod better_auth;
pub mod clock;
pub mod fake_polar;
