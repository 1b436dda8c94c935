use rocky_sdk::{Audited, Completed, Refusal};
use ui_tests::{KeyStore, Rotate, Sealed};

async fn rotate(audited: Audited<Rotate>) -> Result<Completed<Rotate, String>, Refusal<Sealed>> {
    audited.perform(KeyStore, |token, store| Box::pin(store.rotate(token))).await
}

fn main() {}
