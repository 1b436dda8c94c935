use rocky_sdk::Doors;

fn inside(built: &Doors) {
    let _ = built.clone();
}

fn main() {}
