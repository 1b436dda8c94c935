//! The console as its users meet it: a process, a socket, a home.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod audit;
mod console;
mod crash;
mod home;
mod load;
mod settings;
mod workspaces;
