use rocky_sdk::ServiceKey;

fn widen(key: ServiceKey, other: ServiceKey) -> ServiceKey {
    assert_ne!(key.actor(), other.actor());
    key
}

fn main() {}
