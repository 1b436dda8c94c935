use rocky_sdk::{Audited, Completed, Refusal};
use ui_tests::{KeyStore, Rotate, Sealed};

async fn rotate(audited: Audited<Rotate>) -> Completed<Rotate, String> {
    let ended: Result<Completed<Rotate, String>, Refusal<Sealed>> =
        audited.perform(KeyStore, |token, store| Box::pin(store.rotate(token))).await;
    ended.unwrap_or_default()
}

fn main() {}
