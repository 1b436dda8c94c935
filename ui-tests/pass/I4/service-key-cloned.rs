use rocky_sdk::ServiceKey;

fn copy(key: &ServiceKey) -> &ServiceKey {
    key
}

fn main() {}
