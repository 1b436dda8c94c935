use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn needs<T: serde::de::DeserializeOwned>() {}

fn main() {
    needs::<Entitled<Rotate>>();
}
