//! Routes: the doors in front of axum handlers.
//!
//! [`DoorRouter`] takes only handlers that go through the doors, [`Payload`] reads an action from path and body, and every
//! no is problem+json with a stable `code`.

mod merged;
mod payload;
mod request;
mod respond;
mod router;
mod webhook;

pub use payload::{PathSlug, Payload};
pub use router::{DoorRouter, Extracted, Guarded, Mountable, MountedByMethod, Recognised, Via};
pub use webhook::{NotVerified, Redeliver, Verified, Verifier};
