//! Door 1 asks Airlock's adapter: not for long, and no panic of it comes through.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::Doors;
use crate::{
    airlock::{Credentials, Session, Unresolved},
    caught::Caught,
};

impl Doors {
    /// An adapter that panics has decided about nobody.
    pub(super) async fn resolve(&self, credentials: &Credentials) -> Result<Session, Unresolved> {
        // On the doors' runtime, whoever polls it.
        let (airlock, runtime) = (&self.inner().airlock, self.runtime());
        let entered = runtime.enter();
        let Ok(answer) = catch_unwind(AssertUnwindSafe(|| airlock.resolve(credentials))) else {
            return Err(panicked());
        };
        let mut asked = Box::pin(tokio::time::timeout(self.inner().limits.airlock, Caught::new(answer)));
        drop(entered);
        let answered = poll_fn(|context| {
            let _entered = runtime.enter();
            asked.as_mut().poll(context)
        });
        match answered.await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(panicked()),
            Err(_) => Err(Unresolved::Unavailable("it did not answer in time".to_owned())),
        }
    }
}

fn panicked() -> Unresolved {
    Unresolved::Unavailable("it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
        time::Duration,
    };

    use super::*;
    use crate::{
        Airlock, Billing, BoxFuture, Limits, Observer, Rank,
        hatch::{Journal, JournalOptions},
    };

    /// What it answers with panics as it is dropped. Some let everybody in, the others never answer.
    struct Falling {
        answers: bool,
    }

    struct Answer {
        ready: bool,
    }

    impl Airlock for Falling {
        fn resolve<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Session, Unresolved>> {
            Box::pin(Answer { ready: self.answers })
        }
    }

    impl Future for Answer {
        type Output = Result<Session, Unresolved>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            if self.ready { Poll::Ready(Ok(Session::new("ada", "acme", Rank::Admin).unwrap())) } else { Poll::Pending }
        }
    }

    impl Drop for Answer {
        fn drop(&mut self) {
            panic!("Airlock's answer panicked as it was dropped, on purpose")
        }
    }

    async fn doors(home: &tempfile::TempDir, airlock: Falling, limit: Duration) -> Doors {
        let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("test")).unwrap();
        let doors = Doors::builder().airlock(airlock).hatch(journal).billing(Billing::SelfHosted);
        doors.limits(Limits { airlock: limit, ..Limits::default() }).build().await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_panics_as_it_is_dropped_lets_nobody_in() {
        let credentials = Credentials::none();
        let cases = [
            (true, Duration::from_secs(60), "Airlock cannot be reached: it panicked"),
            (false, Duration::from_millis(10), "Airlock cannot be reached: it did not answer in time"),
        ];
        for (answers, limit, why) in cases {
            let home = tempfile::tempdir().unwrap();
            let doors = doors(&home, Falling { answers }, limit).await;
            assert_eq!(doors.resolve(&credentials).await.unwrap_err().to_string(), why);
            let denied = doors.authenticate::<Observer>(&credentials).await.unwrap_err();
            assert_eq!((denied.status(), denied.code()), (503, "airlock-unavailable"));
        }
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_hears_no_panic_of_the_answer() {
        let home = tempfile::tempdir().unwrap();
        let doors = doors(&home, Falling { answers: false }, Duration::from_secs(60)).await;
        let credentials = Credentials::none();
        let asking = doors.authenticate::<Observer>(&credentials);
        assert!(tokio::time::timeout(Duration::from_millis(10), asking).await.is_err(), "it is still asked");
    }
}
