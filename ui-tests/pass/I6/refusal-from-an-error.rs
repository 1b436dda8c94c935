use rocky_sdk::{Audited, Completed, Refusal};
use ui_tests::{KeyStore, Rotate, Sealed};

async fn rotate(audited: Audited<Rotate>) -> Result<Completed<Rotate, String>, Refusal<Sealed>> {
    let store: Result<KeyStore, Sealed> = Ok(KeyStore);
    audited.perform(store, |token, store| Box::pin(async move { store.as_ref().map_err(|_| Sealed)?.rotate(token).await })).await
}

fn main() {}
