use rocky_sdk::Audited;
use ui_tests::{Rotate, Sealed};

async fn keep(audited: Audited<Rotate>) {
    let _ = audited.perform((), |token, _| Box::pin(async move { Ok::<_, Sealed>(token) })).await;
}

fn main() {}
