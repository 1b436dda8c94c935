//! RELAY: the one path on which events reach HATCH. It stamps, bounds and times every write.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    event::Event,
    journal::{Journal, Kind, Line, NotRotated, Reservation, Ticket, WriteError},
    record::Tombstone,
};

/// The way to HATCH, made of the store that keeps it: `Relay::from(journal)`.
///
/// A function that opens the store can give back what the doors take:
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// use std::path::Path;
/// use rocky_sdk::{Billing, Doors, LocalAuth, hatch::{Journal, JournalOptions, OpenError, Relay}};
///
/// fn hatch(home: &Path) -> Result<Relay, OpenError> {
///     Ok(Relay::from(Journal::open(&home.join("hatch"), JournalOptions::new("keys"))?))
/// }
///
/// let (auth, _first_start) = LocalAuth::open(home)?;
/// let doors = Doors::builder().airlock(auth).hatch(hatch(home)?).billing(Billing::SelfHosted).build().await?;
/// assert_eq!(doors.ready(), Ok(()));
/// # doors.shutdown(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
pub struct Relay {
    journal: Arc<Journal>,
    limit: Duration,
}

impl From<Journal> for Relay {
    fn from(journal: Journal) -> Self {
        Relay { journal: Arc::new(journal), limit: Duration::from_secs(2) }
    }
}

impl Relay {
    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Relay { limit, ..self }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Queues a started event with room for its outcome. What comes back says when it is durable; the caller waits for
    /// that until `until`, and knows what to do when it comes later.
    pub(crate) async fn started<D: Serialize>(
        &self,
        event: &Event<'_, D>,
        until: Instant,
    ) -> Result<(Ticket, Reservation), WriteError> {
        let line = self.stamped(event)?;
        let place = self.journal.reserve(until).await?;
        let ticket = self.journal.append(line, Kind::Other, until).await?;
        Ok((ticket, place))
    }

    /// Queues an outcome: in its reserved place, or, for an action of an earlier run, where there is room.
    pub(crate) async fn outcome<D: Serialize>(
        &self,
        event: &Event<'_, D>,
        place: Option<&Reservation>,
    ) -> Result<Ticket, WriteError> {
        let line = self.stamped(event)?;
        match place {
            Some(place) => self.journal.append_reserved(line, place),
            None => self.journal.append(line, Kind::Outcome, Instant::now() + self.limit).await,
        }
    }

    /// Queues an event that belongs to no action, where there is room until then.
    pub(crate) async fn note<D: Serialize>(&self, event: &Event<'_, D>, until: Instant) -> Result<Ticket, WriteError> {
        self.journal.append(self.stamped(event)?, Kind::Other, until).await
    }

    pub(crate) async fn rotate(&self) -> Result<String, NotRotated> {
        self.journal.rotate().await
    }

    pub(crate) fn tombstones(&self) -> &[Tombstone] {
        self.journal.tombstones()
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.journal.trouble()
    }

    /// Blocks, when it is called, until what is waiting is written.
    pub(crate) fn closer(&self) -> impl FnOnce() + Send + 'static {
        let journal = Arc::clone(&self.journal);
        move || journal.close()
    }

    fn stamped<D: Serialize>(&self, event: &Event<'_, D>) -> Result<Line, WriteError> {
        let body = event.stamped(self.journal.source()).map_err(|error| WriteError::Io(error.to_string()))?;
        Ok(Line { body, actionid: event.actionid })
    }
}

/// Waits for a ticket until then.
#[cfg(test)]
pub(crate) async fn durable(ticket: Ticket, until: Instant) -> Result<(), WriteError> {
    match tokio::time::timeout_at(until.into(), ticket).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(WriteError::Closed),
        Err(_) => Err(WriteError::Late),
    }
}
