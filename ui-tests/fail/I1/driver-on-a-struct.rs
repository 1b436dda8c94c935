use rocky_sdk::driver;

#[driver]
struct KeyStore {
    client: (),
}

fn main() {}
