//! Door 3 in the cloud: Polar says what a tenant pays for.
//!
//! [`Polar`] is asked on actions that are metered by a tier above solo, and on nothing else. What changes without an action of the
//! tenant's, a subscription that ends or comes back, is heard of by a webhook and looked for by an operator's command: both ask
//! Polar what is true now, and put the tenant's workspaces in step with it.
//!
//! What the answer is not sure about is no entitlement, and takes nobody's workspace away either.

mod client;
mod error;
#[cfg(all(feature = "axum", feature = "hearth"))]
mod notice;
mod options;
#[cfg(feature = "axum")]
mod signature;
mod state;
#[cfg(feature = "hearth")]
mod sync;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use error::{NotEntitled, PolarError};
#[cfg(all(feature = "axum", feature = "hearth"))]
pub use notice::settle_webhook;
pub use options::{Checkout, NotPolarOptions, PolarOptions};
#[cfg(feature = "axum")]
pub use signature::Webhooks;
#[cfg(feature = "hearth")]
pub use sync::{Synced, settle_tier, sync_all};

use crate::{Slug, Tier};
use client::{Client, PRODUCT, STATE_OF_TENANT};
use state::{CustomerState, Product};

/// Polar, asked with one organisation's token. A clone is another handle to the same.
///
/// A tenant is the customer whose external id is the tenant's name, byte for byte. Its tier is the highest that the metadata of a
/// granted benefit says under `tier`; where none does, that of the products that it subscribes to.
///
/// ```no_run
/// use rocky_sdk::{
///     Slug, Tier,
///     polar::{NotEntitled, Polar, PolarOptions},
/// };
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let polar = Polar::new(PolarOptions::new(std::env::var("ROCKY_POLAR_TOKEN")?))?;
/// if polar.tier_of("acme").await? < Some(Tier::Team) {
///     println!("acme pays for less than team");
/// }
/// match polar.assert_entitlement("acme", &Slug::parse("blue")?, Tier::Team).await {
///     Ok(()) => println!("team is paid for"),
///     Err(NotEntitled::NeedsTier { has, needed, checkout }) => println!("{needed} after {has:?}: see {checkout:?}"),
///     Err(NotEntitled::Unavailable(why)) => println!("{why}: nothing is done on doubt"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Polar(Arc<Inner>);

struct Inner {
    client: Client,
    within: Duration,
    checkout: Option<Checkout>,
    products: bool,
}

impl Polar {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// [`NotPolarOptions`].
    pub fn new(options: PolarOptions) -> Result<Self, NotPolarOptions> {
        let client = Client::new(&options.url, options.token())?;
        let PolarOptions { within, checkout, products, .. } = options;
        Ok(Polar(Arc::new(Inner { client, within, checkout, products })))
    }

    /// The tier that the tenant pays for; `None` where it pays for none, or is no customer.
    ///
    /// # Errors
    /// [`PolarError`], within [`PolarOptions::within`]: nobody knows.
    pub async fn tier_of(&self, tenant: &str) -> Result<Option<Tier>, PolarError> {
        self.tier_until(tenant, self.patience()).await
    }

    /// Whether the tenant pays for the tier, for this workspace. Solo is everybody's, and nobody is asked.
    ///
    /// # Errors
    /// [`NotEntitled`], within [`PolarOptions::within`].
    pub async fn assert_entitlement(&self, tenant: &str, slug: &Slug, tier: Tier) -> Result<(), NotEntitled> {
        self.assert_until(tenant, Some(slug), tier, self.patience()).await
    }

    /// The same for an action, which has a deadline of its own.
    pub(crate) async fn assert_until(
        &self,
        tenant: &str,
        slug: Option<&Slug>,
        needed: Tier,
        until: Instant,
    ) -> Result<(), NotEntitled> {
        if needed == Tier::Solo {
            return Ok(());
        }
        let until = until.min(self.patience());
        let has = self.tier_until(tenant, until).await?;
        if has >= Some(needed) {
            return Ok(());
        }
        tracing::info!(tenant, slug = slug.map(Slug::as_str), tier = needed.as_str(), "a tier is not paid for");
        Err(NotEntitled::NeedsTier { has, needed, checkout: self.checkout(tenant, needed, until).await })
    }

    /// A link under which the tenant pays for the tier. That there is none changes no answer.
    async fn checkout(&self, tenant: &str, tier: Tier, until: Instant) -> Option<String> {
        let checkout = self.0.checkout.as_ref()?;
        let product = checkout.products.get(&tier)?;
        let made = self.0.client.checkout(product, tenant, checkout.success_url.as_deref(), until).await;
        made.inspect_err(|error| tracing::warn!(%error, "a checkout link could not be made")).ok()
    }

    async fn tier_until(&self, tenant: &str, until: Instant) -> Result<Option<Tier>, PolarError> {
        let Inner { client, products, .. } = &*self.0;
        let Some(state) = client.found::<CustomerState>(STATE_OF_TENANT, tenant, until).await? else { return Ok(None) };
        // Whatever became of the id on its way: an answer about somebody else counts for nobody.
        if state.external_id.as_deref() != Some(tenant) {
            return Err(PolarError::SomebodyElse);
        }
        if state.is_deleted() {
            return Ok(None);
        }
        let by_benefits = state.tier_of_benefits();
        if by_benefits.is_some() || !products {
            return Ok(by_benefits);
        }
        let mut highest = None;
        for id in state.products() {
            let found = client.found::<Product>(PRODUCT, id, until).await?;
            let product = found.ok_or(PolarError::Answered(404))?; // what is subscribed to is there
            if product.id != id {
                return Err(PolarError::SomebodyElse);
            }
            highest = highest.max(product.tier());
        }
        Ok(highest)
    }

    fn patience(&self) -> Instant {
        Instant::now() + self.0.within
    }
}

impl std::fmt::Debug for Polar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Polar({})", self.0.client.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_in_no_debug_output() {
        let mut options = PolarOptions::new("polar_oat_hush");
        options.url = "http://127.0.0.1:1".to_owned();
        let shown = format!("{options:?}");
        let polar = Polar::new(options).unwrap();
        assert_eq!(format!("{polar:?}"), "Polar(http://127.0.0.1:1)");
        let billing = format!("{:?}", crate::Billing::Polar(polar));
        for text in [shown, billing] {
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[tokio::test]
    async fn solo_asks_nobody_and_nobody_there_is_no_entitlement() {
        let mut options = PolarOptions::new("polar_oat_hush");
        // Nothing listens there: whoever asks does not get an answer.
        options.url = "http://127.0.0.1:1".to_owned();
        options.within = Duration::from_millis(150);
        let polar = Polar::new(options).unwrap();
        let blue = Slug::parse("blue").unwrap();
        assert_eq!(polar.assert_entitlement("acme", &blue, Tier::Solo).await, Ok(()));
        let refused = polar.assert_entitlement("acme", &blue, Tier::Team).await.unwrap_err();
        let NotEntitled::Unavailable(PolarError::Unreachable(why)) = &refused else { panic!("{refused:?}") };
        assert!(!why.contains("hush") && !why.contains("acme"), "{why}");
        let problem = refused.problem();
        assert_eq!((problem.status(), problem.code()), (503, "billing-unavailable"));
    }

    #[tokio::test]
    async fn an_id_that_a_path_cannot_hold_is_asked_about_with_nobody() {
        let mut options = PolarOptions::new("polar_oat_hush");
        options.url = "http://127.0.0.1:1".to_owned();
        let polar = Polar::new(options).unwrap();
        for id in ["", ".", ".."] {
            assert_eq!(polar.tier_of(id).await, Err(PolarError::NotAnId), "{id:?}");
        }
    }
}
