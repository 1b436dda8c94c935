//! What keeps a public trait from being implemented outside: a type that is public and has no name out there.
//!
//! A private supertrait does the same, but then the compiler names it in errors, and it is a word that no user wrote.

/// Returned by the sealed traits' functions.
#[derive(Debug)]
pub struct Seal;
