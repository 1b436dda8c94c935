//! Where the dependency on `rocky-sdk` goes by another name.

use rocky_sdk as r;

#[derive(Debug, thiserror::Error)]
#[error("it is nailed down")]
pub struct Nailed;

impl r::ActionError for Nailed {}

#[r::tenant_action(role = admin, started = "odd.started", succeeded = "odd.done", failed = "odd.failed", crate = r)]
pub struct Move {
    #[audit(redact)]
    pub from: String,
}

#[r::tenant_action(crate = r)]
async fn r#move(token: &r::Entitled<Move>) -> Result<usize, Nailed> {
    Ok(token.action().from.len())
}

#[r::driver(crate = r)]
pub trait Mover {
    fn r#move(&self, token: &r::Entitled<Move>) -> Result<(), Nailed>;
}

fn main() {
    let _ = r#move;
}
