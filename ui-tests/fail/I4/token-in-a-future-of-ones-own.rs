use std::{
    pin::Pin,
    task::{Context, Poll},
};

use rocky_sdk::{Audited, Entitled};
use ui_tests::{Rotate, Sealed};

struct Kept<'t>(&'t Entitled<Rotate>);

impl Future for Kept<'_> {
    type Output = Result<String, Sealed>;
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(self.0.action().slug.to_string()))
    }
}

fn boxed(kept: Kept<'static>) -> Pin<Box<dyn Future<Output = Result<String, Sealed>> + Send>> {
    Box::pin(kept)
}

async fn keep(audited: Audited<Rotate>) {
    let _ = audited.perform((), |token, _| boxed(Kept(token))).await;
}

fn main() {}
