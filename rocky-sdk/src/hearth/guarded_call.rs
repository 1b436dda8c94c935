//! A call of a driver that may panic, and may take too long.

use std::{panic::resume_unwind, time::Instant};

use super::{DriverError, HearthError};
use crate::{
    BoxFuture,
    caught::{Caught, Panic},
};

/// How a call ended that gave no answer.
pub(super) enum Broken {
    Panicked(Panic),
    TimedOut,
}

/// A driver's call, in which a panic is caught.
pub(super) struct Call<'t, T: Send + 't>(Caught<'t, T>);

impl<'t, T: Send + 't> Call<'t, T> {
    /// The call itself is made when it is first polled, so that a panic in it is caught too.
    pub(super) fn of(call: impl FnOnce() -> BoxFuture<'t, T> + Send + 't) -> Self {
        Call(Caught::new(Box::pin(async move { call().await })))
    }

    pub(super) async fn until(self, ends_at: Instant) -> Result<T, Broken> {
        match tokio::time::timeout_at(ends_at.into(), self.0).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(panic)) => Err(Broken::Panicked(panic)),
            Err(_) => Err(Broken::TimedOut),
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
