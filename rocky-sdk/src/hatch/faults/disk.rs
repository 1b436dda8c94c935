//! A real disk.
