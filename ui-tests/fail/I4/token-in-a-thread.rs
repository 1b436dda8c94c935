use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn elsewhere(token: &Entitled<Rotate>) {
    std::thread::spawn(move || token.action().slug.to_string());
}

fn main() {}
