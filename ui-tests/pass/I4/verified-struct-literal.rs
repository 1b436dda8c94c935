use rocky_sdk::web::Verified;

fn told(verified: &Verified) -> usize {
    verified.body().len()
}

fn main() {
    let _ = told;
}
