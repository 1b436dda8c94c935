use rocky_sdk::{Audited, Entitled};
use ui_tests::{Rotate, Sealed};

fn in_time(token: &Entitled<Rotate>) -> &Rotate {
    token.action()
}

async fn act(audited: Audited<Rotate>) {
    let slug = |token: &Entitled<Rotate>| in_time(token).slug.to_string();
    let _ = audited.perform((), move |token, ()| Box::pin(async move { Ok::<_, Sealed>(slug(token)) })).await;
}

fn main() {}
