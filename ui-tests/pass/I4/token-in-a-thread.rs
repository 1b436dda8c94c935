use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn elsewhere(token: &Entitled<Rotate>) {
    std::thread::scope(|scope| scope.spawn(move || token.action().slug.to_string()).join().is_ok());
}

fn main() {}
