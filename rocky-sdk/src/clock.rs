//! What day it is, where a rule counts days.

/// A clock that says what time it is in the world. Deadlines are not its business: those are counted by one that never jumps.
///
/// One that is set by hand, for a test of what happens in a week:
/// ```
/// use std::sync::Mutex;
/// use jiff::{Timestamp, ToSpan};
/// use rocky_sdk::Clock;
///
/// #[derive(Debug)]
/// struct ByHand(Mutex<Timestamp>);
///
/// impl Clock for ByHand {
///     fn now(&self) -> Timestamp {
///         *self.0.lock().unwrap()
///     }
/// }
///
/// let clock = ByHand(Mutex::new("2026-03-01T09:00:00Z".parse()?));
/// *clock.0.lock().unwrap() += (7 * 24).hours();
/// assert_eq!(clock.now().to_string(), "2026-03-08T09:00:00Z");
/// # Ok::<(), jiff::Error>(())
/// ```
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// The time.
    fn now(&self) -> jiff::Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}
