//! Whatever a struct, a field, a route or what stands around them is called.

use rocky_sdk::{Entitled, Slug, tenant_action};
use ui_tests::Sealed;

#[tenant_action(role = admin, started = "odd.started", succeeded = "odd.done", failed = "odd.failed", subject = r#in)]
pub struct r#Move {
    pub r#in: Slug,
    pub serializer: String,
    pub formatter: String,
    #[audit(redact)]
    pub audited: String,
}

// Names that the attribute's own code could have meant.
struct Result;
struct Option;
struct Authenticated;
struct Completed;
struct Payload;
struct Box;
mod core {}
mod std {}
mod serde {}

#[tenant_action]
async fn authenticated(token: &Entitled<Move>) -> ::core::result::Result<String, Sealed> {
    Ok(token.action().r#in.to_string())
}

#[tenant_action]
async fn action(audited: &Entitled<Move>) -> ::core::result::Result<String, Sealed> {
    Ok(audited.action().serializer.clone())
}

#[tenant_action]
async fn r#move(Entitled { .. }: &Entitled<Move>) -> ::core::result::Result<(), Sealed> {
    Ok(())
}

fn main() {
    let _ = (Result, Option, Authenticated, Completed, Payload, Box);
    let _ = (authenticated, action, r#move);
}
