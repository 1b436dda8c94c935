use rocky_sdk::ServiceKey;

fn widen(mut key: ServiceKey, other: ServiceKey) -> ServiceKey {
    key.actions = Default::default();
    drop(other);
    key
}

fn main() {}
