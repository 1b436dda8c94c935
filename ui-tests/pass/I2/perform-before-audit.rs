use rocky_sdk::{Admin, Authenticated, Denied, Slug};
use ui_tests::{KeyStore, Rotate};

async fn rotate(authenticated: Authenticated<Admin>, store: KeyStore, slug: Slug) -> Result<(), Denied> {
    let audited = authenticated.audit(Rotate { slug }).await?;
    let _ = audited.perform(store, |token, store| Box::pin(store.rotate(token))).await;
    Ok(())
}

fn main() {}
