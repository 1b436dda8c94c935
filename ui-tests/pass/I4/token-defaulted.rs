use rocky_sdk::Credentials;

fn main() {
    let _ = Credentials::default();
}
