use std::sync::Mutex;

use rocky_sdk::{Audited, Slug};
use ui_tests::{Rotate, Sealed};

static KEPT: Mutex<Option<Slug>> = Mutex::new(None);

async fn keep(audited: Audited<Rotate>) {
    let _ = audited
        .perform((), |token, _| {
            *KEPT.lock().unwrap() = Some(token.action().slug.clone());
            Box::pin(async { Ok::<_, Sealed>(()) })
        })
        .await;
}

fn main() {}
