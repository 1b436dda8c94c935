//! The console as its users meet it: a process, a socket, a home.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod audit;
mod audit_beside;
mod console;
mod crash;
mod home;
mod load;
mod settings;
mod workspaces;
