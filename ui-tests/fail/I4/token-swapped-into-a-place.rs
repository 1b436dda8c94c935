use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn swap(place: &mut Option<&'static Entitled<Rotate>>, token: &Entitled<Rotate>) {
    place.replace(token);
}

fn main() {}
