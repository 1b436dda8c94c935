struct KeyStore {
    client: (),
}

fn main() {}
