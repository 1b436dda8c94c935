use rocky_sdk::{Audited, Completed, Refusal};
use ui_tests::{KeyStore, Revoke, Rotate, Sealed};

async fn swap(audited: Audited<Rotate>) -> Result<Completed<Revoke, String>, Refusal<Sealed>> {
    audited.perform(KeyStore, |token, store| Box::pin(store.rotate(token))).await
}

fn main() {}
