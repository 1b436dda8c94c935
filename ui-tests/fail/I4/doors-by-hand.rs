use rocky_sdk::Doors;

fn more(built: &Doors) -> Doors {
    Doors(Default::default())
}

fn main() {}
