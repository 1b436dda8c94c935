//! How long each door may take.

use std::time::Duration;

/// Time limits, all settable. Past one of them the answer is a refusal, never a hang.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use rocky_sdk::{Billing, LocalAuth, hatch::{Journal, JournalOptions}};
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # let (auth, first) = LocalAuth::open(home)?;
/// # let ada = rocky_sdk::Credentials::bearer(first.ok_or("a new home")?.token);
/// # let journal = Journal::open(&home.join("hatch"), JournalOptions::new("console"))?;
/// use std::time::Duration;
/// use rocky_sdk::{Airlock, BoxFuture, Credentials, Doors, Limits, Observer, Session, airlock::Unresolved};
///
/// struct Asleep;
/// impl Airlock for Asleep {
///     fn resolve<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Session, Unresolved>> {
///         Box::pin(std::future::pending())
///     }
/// }
///
/// let mut limits = Limits::default();
/// limits.airlock = Duration::from_millis(20);
/// let doors = Doors::builder().airlock(Asleep).hatch(journal).billing(Billing::SelfHosted);
/// let doors = doors.limits(limits).build().await?;
///
/// let denied = doors.authenticate::<Observer>(&Credentials::none()).await.unwrap_err();
/// assert_eq!((denied.status(), denied.code()), (503, "airlock-unavailable"));
/// # drop((auth, ada));
/// # doors.shutdown(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Airlock's answer: 2 s, then 503 `airlock-unavailable`.
    pub airlock: Duration,
    /// One HATCH write: 2 s, then 503 `hatch-unavailable` before the action, 500 `outcome-unrecorded` after it.
    pub hatch: Duration,
    /// From the durable started event to the moment the action begins: 30 s, then 503 `too-late`.
    pub token: Duration,
    /// The action itself: 60 s, then 502 `driver-failed`.
    pub driver: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            airlock: Duration::from_secs(2),
            hatch: Duration::from_secs(2),
            token: Duration::from_secs(30),
            driver: Duration::from_secs(60),
        }
    }
}
