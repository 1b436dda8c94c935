//! A clock that stands still until somebody sets it.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A clone is another hand on the same clock.
///
/// ```
/// use jiff::SignedDuration;
/// use rocky_cloud_tests::clock::TestClock;
/// use rocky_sdk::Clock;
///
/// let clock = TestClock::at("2026-03-01T00:00:00Z".parse()?);
/// let doors_have = clock.clone();
/// clock.advance(SignedDuration::from_hours(7 * 24));
/// assert_eq!(doors_have.now(), "2026-03-08T00:00:00Z".parse()?);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    /// It says this until it is set.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        TestClock(Arc::new(Mutex::new(now)))
    }

    /// It says what the system's clock says now, and stands still from there.
    #[must_use]
    pub fn stopped() -> Self {
        TestClock::at(Timestamp::now())
    }

    /// From now on it says this, which may lie before what it said.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Puts it forward, or back.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }
}

impl rocky_sdk::Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
