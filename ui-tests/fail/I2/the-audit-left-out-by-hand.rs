use rocky_sdk::{Admin, Authenticated, Completed, Refusal, web::Payload};
use ui_tests::{KeyStore, Rotate, Sealed};

async fn rotate(
    authenticated: Authenticated<Admin>,
    Payload(action): Payload<Rotate>,
) -> Result<Completed<Rotate, String>, Refusal<Sealed>> {
    let _ = action;
    authenticated.perform((), |token, _| Box::pin(KeyStore.rotate(token))).await
}

fn main() {}
