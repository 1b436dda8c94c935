use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn main() {
    let _ = Entitled::<Rotate>::default();
}
