//! The doors as a whole, over the router, with faults under the journal and a driver that does as it is told. Adapters
//! are doubled here; the doors, HATCH and the rows are the real ones.

mod answers;
mod bodies;
mod crashes;
mod denied;
mod faults;
mod house;
mod idempotency;
mod identities;
mod local_process;
mod names;
mod read_only;
mod repairs;
mod settling;
mod upgrades;
