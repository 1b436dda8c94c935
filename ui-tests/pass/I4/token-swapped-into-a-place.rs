use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn swap<'t>(place: &mut Option<&'t Entitled<Rotate>>, token: &'t Entitled<Rotate>) {
    place.replace(token);
}

fn main() {}
