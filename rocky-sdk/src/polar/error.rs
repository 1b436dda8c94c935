//! Why nobody knows what is paid for, and that it is not. No text here holds anything that Polar said but a number: what it
//! said could hold anything.

use crate::{Tier, doors::Problem};

/// Nobody knows what the tenant pays for.
///
/// ```
/// use rocky_sdk::polar::PolarError;
///
/// /// Whether asking again in a while can help.
/// fn passes(error: &PolarError) -> bool {
///     match error {
///         PolarError::Unreachable(_) | PolarError::TimedOut | PolarError::RateLimited { .. } => true,
///         PolarError::Answered(status) => *status >= 500,
///         PolarError::Unreadable(_) | PolarError::SomebodyElse | PolarError::NotAnId => false,
///         _ => false,
///     }
/// }
///
/// assert!(passes(&PolarError::RateLimited { retry_after: Some(30) }));
/// assert!(!passes(&PolarError::Answered(401)));
/// assert_eq!(PolarError::Answered(500).to_string(), "Polar answered 500");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolarError {
    /// The connection could not be made, or broke off.
    #[error("Polar cannot be reached: {0}")]
    Unreachable(String),
    /// The time was over.
    #[error("Polar did not answer in time")]
    TimedOut,
    /// 429: too many questions.
    #[error("Polar answers no more questions for now")]
    RateLimited {
        /// Seconds after which it will, where it said so.
        retry_after: Option<u64>,
    },
    /// Another status than the ones that say something about a customer.
    #[error("Polar answered {}", told(*.0))]
    Answered(u16),
    /// A success that is not what it should be.
    #[error("Polar's answer cannot be read: {0}")]
    Unreadable(String),
    /// An answer, and not about what was asked for.
    #[error("Polar's answer is about somebody else")]
    SomebodyElse,
    /// Empty, `.` or `..`: no path can name it.
    #[error("a customer of this name cannot be asked about")]
    NotAnId,
}

/// The tier is not the tenant's: [`Polar::assert_entitlement`](super::Polar::assert_entitlement).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEntitled {
    /// 402 `not-entitled`.
    #[error("the tier {needed} is not paid for")]
    NeedsTier {
        /// What is paid for.
        has: Option<Tier>,
        /// What would have to be.
        needed: Tier,
        /// Where to pay for it, where that is configured. Whoever has the link can use it: it is for the caller alone.
        checkout: Option<String>,
    },
    /// 503 `billing-unavailable`.
    #[error(transparent)]
    Unavailable(#[from] PolarError),
}

/// The status, and where an operator looks.
fn told(status: u16) -> String {
    let hint = match status {
        401 => ": it does not know the token",
        403 => ": the token lacks a scope",
        404 => ": its URL or version is not what this asks for",
        _ => "",
    };
    format!("{status}{hint}")
}

impl NotEntitled {
    pub(crate) fn problem(self) -> Problem {
        match self {
            NotEntitled::NeedsTier { has, needed, checkout } => {
                let has = has.map_or("no tier", Tier::as_str);
                let detail = format!("This needs the tier {needed}, and {has} is paid for.");
                Problem::new(402, "not-entitled", detail).needs(needed, checkout)
            }
            NotEntitled::Unavailable(error) => {
                tracing::warn!(%error, "billing is unavailable");
                let again = match error {
                    PolarError::RateLimited { retry_after } => retry_after,
                    _ => None,
                };
                let detail = "Nobody could be asked what is paid for, so nothing was done: try again.";
                Problem::new(503, "billing-unavailable", detail).after(again)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_402_says_which_tier_and_where_and_its_event_does_not_have_the_link() {
        let checkout = Some("https://polar.example/checkout/hush".to_owned());
        let problem = NotEntitled::NeedsTier { has: Some(Tier::Solo), needed: Tier::Team, checkout }.problem();
        let told = serde_json::to_value(&problem).unwrap();
        assert_eq!((problem.status(), problem.code()), (402, "not-entitled"));
        assert_eq!(
            (&told["tier"], &told["checkout_url"]),
            (&"team".into(), &"https://polar.example/checkout/hush".into())
        );
        // What the outcome event gets.
        assert_eq!(problem.detail(), "This needs the tier team, and solo is paid for.");
        let without = NotEntitled::NeedsTier { has: None, needed: Tier::Business, checkout: None }.problem();
        assert!(serde_json::to_value(&without).unwrap().get("checkout_url").is_none());
    }

    #[test]
    fn a_caller_is_asked_for_as_much_patience_as_polar_asks_for() {
        for (error, seconds) in [
            (PolarError::RateLimited { retry_after: Some(30) }, 30),
            (PolarError::RateLimited { retry_after: None }, 1),
            (PolarError::RateLimited { retry_after: Some(u64::MAX) }, u32::MAX),
            (PolarError::TimedOut, 1),
        ] {
            assert_eq!(NotEntitled::from(error).problem().retry_after(), Some(seconds));
        }
    }
}
