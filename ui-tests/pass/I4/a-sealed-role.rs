use rocky_sdk::BuiltInRole;

fn built_in<Root: BuiltInRole>() {}

fn main() {
    built_in::<rocky_sdk::Admin>();
}
