//! How Polar is asked.

use std::{collections::BTreeMap, time::Duration};

use crate::Tier;

/// Where Polar is, with which token, and how long it may take.
///
/// ```
/// use std::{collections::BTreeMap, time::Duration};
/// use rocky_sdk::{Tier, polar::{Checkout, NotPolarOptions, Polar, PolarOptions}};
///
/// let mut options = PolarOptions::new("polar_oat_example");
/// options.url = "http://127.0.0.1:9099".to_owned(); // else https://api.polar.sh
/// options.within = Duration::from_secs(3);
/// options.products = false; // only benefits say a tier
/// options.checkout = Some(Checkout {
///     products: BTreeMap::from([(Tier::Team, "5d9f2c7a-0000-4000-8000-000000000001".to_owned())]),
///     success_url: Some("https://console.example/paid".to_owned()),
/// });
/// assert!(!format!("{options:?}").contains("polar_oat_example"));
/// let polar = Polar::new(options.clone())?;
///
/// options.url = "http://api.example".to_owned(); // the token would be there for everybody to read
/// let NotPolarOptions(why) = Polar::new(options).unwrap_err();
/// assert!(why.contains("https://"), "{why}");
/// # drop(polar);
/// # Ok::<(), NotPolarOptions>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct PolarOptions {
    /// Polar's origin: `https://..`, or `http://..` on loopback. `https://api.polar.sh` unless said otherwise.
    pub url: String,
    token: String,
    /// How long one question may take in all, with every try of it: 5 s. An action's own deadline counts too.
    pub within: Duration,
    /// Where whoever lacks a tier can pay for it; `None`: nobody is told.
    pub checkout: Option<Checkout>,
    /// Whether a product's metadata is asked for where no benefit says a tier. It is, unless said otherwise.
    pub products: bool,
}

/// What the checkout link in a 402 leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The product's id by the tier that it is. A tier without one gets no link.
    pub products: BTreeMap<Tier, String>,
    /// Where Polar sends whoever has paid.
    pub success_url: Option<String>,
}

/// The options cannot work, for this reason. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPolarOptions(pub String);

impl PolarOptions {
    /// The defaults, with this organisation's token: its scopes are `customers:read`, `products:read`, and for checkout links
    /// `checkouts:write`.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        PolarOptions {
            url: "https://api.polar.sh".to_owned(),
            token: token.into(),
            within: Duration::from_secs(5),
            checkout: None,
            products: true,
        }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }
}

impl std::fmt::Debug for PolarOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A URL may hold a password, which is refused only later.
        f.debug_struct("PolarOptions")
            .field("within", &self.within)
            .field("checkout", &self.checkout)
            .field("products", &self.products)
            .finish_non_exhaustive()
    }
}
