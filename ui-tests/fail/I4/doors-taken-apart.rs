use rocky_sdk::Doors;

fn inside(built: &Doors) {
    let _ = built.0.clone();
}

fn main() {}
