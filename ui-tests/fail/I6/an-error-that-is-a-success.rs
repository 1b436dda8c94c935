use rocky_sdk::{ActionError, ErrorKind};

#[derive(Debug, thiserror::Error)]
#[error("fine")]
struct Fine;

impl ActionError for Fine {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Succeeded
    }
}

fn main() {}
