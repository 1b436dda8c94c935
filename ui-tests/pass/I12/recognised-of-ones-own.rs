use rocky_sdk::web::Recognised;

async fn asked(_: rocky_sdk::Authenticated<rocky_sdk::Observer>) {}

fn recognised<Form, H: Recognised<Form>>(_: H) {}

fn main() {
    recognised(asked);
}
