use std::sync::Mutex;

use rocky_sdk::{Audited, Entitled};
use ui_tests::{Rotate, Sealed};

static KEPT: Mutex<Option<&'static Entitled<Rotate>>> = Mutex::new(None);

async fn keep(audited: Audited<Rotate>) {
    let _ = audited
        .perform((), |token, _| {
            *KEPT.lock().unwrap() = Some(token);
            Box::pin(async { Ok::<_, Sealed>(()) })
        })
        .await;
}

fn main() {}
