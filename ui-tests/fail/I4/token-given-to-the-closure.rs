use rocky_sdk::{Audited, Entitled};
use ui_tests::{Rotate, Sealed};

async fn own(audited: Audited<Rotate>) {
    let _ = audited.perform((), |_: Entitled<Rotate>, _: &()| Box::pin(async { Ok::<_, Sealed>(()) })).await;
}

fn main() {}
