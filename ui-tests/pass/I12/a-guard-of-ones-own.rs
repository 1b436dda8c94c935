use rocky_sdk::web::Guarded;

fn guarded<Form, H: Guarded<Form>>(_: H) {}

#[rocky_sdk::tenant_action]
async fn rotate(token: &rocky_sdk::Entitled<ui_tests::Rotate>) -> Result<String, ui_tests::Sealed> {
    ui_tests::KeyStore.rotate(token).await
}

fn main() {
    guarded(rotate);
}
