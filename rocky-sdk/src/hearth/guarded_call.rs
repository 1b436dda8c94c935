//! A call of a driver that may panic, and may take too long.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use super::{DriverError, HearthError};
use crate::BoxFuture;

/// How a call ended that gave no answer.
pub(super) enum Broken {
    Panicked(Box<dyn Any + Send>),
    TimedOut,
}

/// A driver's future, in which a panic is caught.
pub(super) struct Call<'t, T>(BoxFuture<'t, T>);

impl<'t, T> Call<'t, T> {
    /// The call itself is made when it is first polled, so that a panic in it is caught too.
    pub(super) fn of(call: impl FnOnce() -> BoxFuture<'t, T> + Send + 't) -> Self {
        Call(Box::pin(async move { call().await }))
    }

    pub(super) async fn until(self, ends_at: Instant) -> Result<T, Broken> {
        match tokio::time::timeout_at(ends_at.into(), self).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(panic)) => Err(Broken::Panicked(panic)),
            Err(_) => Err(Broken::TimedOut),
        }
    }
}

impl<T> Future for Call<'_, T> {
    type Output = Result<T, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A panicked future is not polled again: it is dropped with this one.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Goes on as the call ended: with its error, or with its panic.
pub(super) fn raise<T, Out>(failure: Result<Result<T, DriverError>, Broken>) -> Result<Out, HearthError> {
    match failure {
        Ok(Ok(_)) | Err(Broken::TimedOut) => Err(HearthError::TimedOut),
        Ok(Err(error)) => Err(error.into()),
        Err(Broken::Panicked(panic)) => resume_unwind(panic),
    }
}
