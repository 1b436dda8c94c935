use rocky_sdk::Doors;

fn more(built: &Doors) -> Doors {
    built.clone()
}

fn main() {}
