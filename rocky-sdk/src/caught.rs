//! A future of somebody else's code, out of which no panic comes.

use std::{
    any::Any,
    future::pending,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use crate::BoxFuture;

/// What a panic was begun with.
pub(crate) type Panic = Box<dyn Any + Send>;

/// A future that catches what it panics with, when it is dropped too: its drop is its author's code, whoever gives it up.
pub(crate) struct Caught<'a, T: Send + 'a>(BoxFuture<'a, T>);

impl<'a, T: Send + 'a> Caught<'a, T> {
    pub(crate) fn new(future: BoxFuture<'a, T>) -> Self {
        Caught(future)
    }

    fn let_go(&mut self) -> Result<(), Panic> {
        let future = mem::replace(&mut self.0, Box::pin(pending()));
        catch_unwind(AssertUnwindSafe(|| drop(future)))
    }
}

impl<T: Send> Future for Caught<'_, T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => Ok(answer),
            Err(panic) => Err(panic),
        };
        // Before it is believed: one that panics now has answered nothing either.
        let gone = self.let_go();
        Poll::Ready(answer.and_then(|answer| gone.map(|()| answer)))
    }
}

impl<T: Send> Drop for Caught<'_, T> {
    fn drop(&mut self) {
        if self.let_go().is_err() {
            tracing::warn!("a call panicked when nobody waited for it any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics as it is dropped.
    struct Falling {
        ready: bool,
    }

    impl Future for Falling {
        type Output = u8;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
            if self.ready { Poll::Ready(7) } else { Poll::Pending }
        }
    }

    impl Drop for Falling {
        fn drop(&mut self) {
            panic!("it panicked as it was dropped, on purpose")
        }
    }

    #[tokio::test]
    async fn a_call_that_panics_as_it_is_dropped_has_not_answered() {
        assert!(Caught::new(Box::pin(Falling { ready: true })).await.is_err());
        assert_eq!(Caught::new(Box::pin(async { 7 })).await.ok(), Some(7));
    }

    #[test]
    fn whoever_gives_up_hears_no_panic() {
        drop(Caught::new(Box::pin(Falling { ready: false })));
    }
}
