//! What is known of a workspace: its tier, its state, where it runs.

use serde::{Deserialize, Serialize};

use crate::Slug;

/// What a workspace's tenant pays for: `solo < team < business`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Free on every build.
    Solo,
    /// Paid for in the cloud.
    Team,
    /// Paid for in the cloud.
    Business,
}

impl Tier {
    /// The tier as it is written in requests, rows and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Solo => "solo",
            Tier::Team => "team",
            Tier::Business => "business",
        }
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a workspace is in its life.
///
/// ```
/// use rocky_sdk::State;
///
/// /// What a list of workspaces says of each.
/// fn told(state: State) -> &'static str {
///     match state {
///         State::Active => "runs",
///         State::Provisioning | State::Upgrading | State::Decommissioning => "is at work: look again soon",
///         State::ReadOnly => "runs, and refuses changes until its tier is back",
///         State::Unsettled => "waits for an operator: `reconcile` settles it",
///     }
/// }
///
/// assert_eq!(told(serde_json::from_str(r#""read_only""#)?), "runs, and refuses changes until its tier is back");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A driver is making it.
    Provisioning,
    /// It runs.
    Active,
    /// A driver is changing its tier, or repairs it.
    Upgrading,
    /// Its tier lapsed: it runs and refuses mutations.
    ReadOnly,
    /// A driver is taking it away, or will try again.
    Decommissioning,
    /// An action on it has no outcome yet: `reconcile` looks at the driver and settles it.
    Unsettled,
}

/// A workspace as its row knows it. `url` is there once a driver has placed it.
/// Times are RFC 3339, UTC, in microseconds.
///
/// ```
/// use rocky_sdk::{DeploymentRef, State};
///
/// let answered = r#"{
///     "slug": "blue", "tenant": "acme", "tier": "team", "state": "active",
///     "driver": "process", "url": "http://127.0.0.1:40001/",
///     "created_at": "2026-03-01T09:00:00.000000Z", "updated_at": "2026-03-02T10:30:00.250000Z"
/// }"#;
/// let row: DeploymentRef = serde_json::from_str(answered)?;
/// assert_eq!(row.state, State::Active);
/// assert!(row.created_at < row.updated_at); // of one width and in UTC, times compare as text
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRef {
    /// Its name, of which there is one in an installation.
    pub slug: Slug,
    /// Whose it is.
    pub tenant: String,
    /// What its tenant has.
    pub tier: Tier,
    /// Where it is in its life.
    pub state: State,
    /// The name of the driver that made it; another driver refuses it.
    pub driver: String,
    /// Where it answers.
    pub url: Option<String>,
    /// When its provisioning began.
    pub created_at: String,
    /// When its row last changed.
    pub updated_at: String,
}

/// Now, as rows and events write it: RFC 3339, UTC, microseconds, `Z`.
pub(crate) fn timestamp() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_six_digits_and_ends_in_z() {
        let now = timestamp();
        assert_eq!(now.len(), "2026-01-01T00:00:00.000000Z".len(), "{now}");
        assert!(now.ends_with('Z'));
    }

    #[test]
    fn tiers_are_ordered_as_they_are_priced() {
        assert!(Tier::Solo < Tier::Team && Tier::Team < Tier::Business);
        assert!(serde_json::from_str::<Tier>("\"platinum\"").is_err());
    }
}
