use rocky_sdk::{Admin, Authenticated};
use ui_tests::KeyStore;

async fn rotate(authenticated: Authenticated<Admin>, store: KeyStore) {
    let _ = authenticated.perform(store, |token, store| Box::pin(store.rotate(token))).await;
}

fn main() {}
