//! What a webhook is believed: that there is something to look at, and with whom. What is true now Polar is asked, so neither
//! a webhook that comes twice nor one that comes late does harm.

use serde::Deserialize;
use serde_json::Value;

use super::{Polar, PolarError, client::STATE_OF_CUSTOMER, settle_tier};
use crate::{
    hearth::Hearth,
    web::{Redeliver, Verified},
};

/// With whom to look.
#[derive(Debug, PartialEq, Eq)]
enum About {
    /// By its name, the customer's external id.
    Tenant(String),
    /// By Polar's own id.
    Customer(String),
    /// It is about nothing that is paid for.
    Nobody,
}

/// Puts the workspaces of the tenant that a webhook is about in step with what is paid for now: see [`settle_tier`]. Webhooks
/// about other things, and those about customers who have no workspaces, are done with at once.
///
/// ```no_run
/// use std::sync::Arc;
/// use axum::{Router, extract::State};
/// use rocky_sdk::{
///     Doors, ServiceKey,
///     hearth::Hearth,
///     polar::{NotPolarOptions, Polar, Webhooks, settle_webhook},
///     web::{DoorRouter, Redeliver, Verified},
/// };
///
/// #[derive(Clone)]
/// struct Console { hearth: Hearth, polar: Polar }
///
/// async fn paid(verified: Verified, State(console): State<Console>) -> Result<(), Redeliver> {
///     settle_webhook(&console.polar, &console.hearth, &verified).await
/// }
///
/// /// The key is of `builder.service::<(ReadOnly, Restore)>("billing")`.
/// fn app(doors: Doors, key: Arc<ServiceKey>, secret: &str, console: Console) -> Result<Router, NotPolarOptions> {
///     let webhooks = Webhooks::new(secret)?;
///     Ok(DoorRouter::new(doors).webhook("/api/polar/webhook", webhooks, key, paid).with_state(console))
/// }
/// ```
///
/// # Errors
/// [`Redeliver`]: nobody knows what is paid for, or a workspace could not be settled. Polar sends it again.
pub async fn settle_webhook(polar: &Polar, hearth: &Hearth, verified: &Verified) -> Result<(), Redeliver> {
    let about = about(verified.body()).map_err(|error| Redeliver(format!("a webhook cannot be read: {error}")))?;
    let tenant = match about {
        About::Tenant(tenant) => Some(tenant),
        About::Customer(id) => polar.tenant_of(&id).await.map_err(|error| Redeliver(error.to_string()))?,
        About::Nobody => None,
    };
    let Some(tenant) = tenant else { return Ok(()) };
    let synced = settle_tier(polar, verified.doors(), hearth, verified.key(), &tenant).await;
    if synced.is_settled() {
        Ok(())
    } else {
        Err(Redeliver(format!("a tenant's workspaces are not settled: {synced:?}")))
    }
}

impl Polar {
    /// The tenant that the customer of this id is.
    async fn tenant_of(&self, customer: &str) -> Result<Option<String>, PolarError> {
        #[derive(Deserialize)]
        struct Known {
            id: String,
            #[serde(default)]
            external_id: Option<String>,
        }
        match self.0.client.found::<Known>(STATE_OF_CUSTOMER, customer, self.patience()).await? {
            Some(known) if known.id != customer => Err(PolarError::SomebodyElse),
            known => Ok(known.and_then(|known| known.external_id)),
        }
    }
}

fn about(body: &[u8]) -> serde_json::Result<About> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        data: Value,
    }
    let Said { kind, data } = serde_json::from_slice(body)?;
    let customer = match kind.split('.').next() {
        Some("customer") => &data,
        Some("subscription" | "benefit_grant") => &data["customer"],
        _ => return Ok(About::Nobody),
    };
    let id = text(&customer["id"]).or_else(|| text(&data["customer_id"])).map(About::Customer);
    Ok(text(&customer["external_id"]).map(About::Tenant).or(id).unwrap_or(About::Nobody))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_webhook_says_with_whom_to_look_and_nothing_else() {
        let tenant = || About::Tenant("acme".to_owned());
        let customer = || About::Customer("c-1".to_owned());
        for (said, whom) in [
            (json!({ "type": "customer.state_changed", "data": { "id": "c-1", "external_id": "acme" } }), tenant()),
            (json!({ "type": "customer.deleted", "data": { "id": "c-1", "external_id": "acme" } }), tenant()),
            (json!({ "type": "customer.deleted", "data": { "id": "c-1", "external_id": null } }), customer()),
            (
                json!({ "type": "subscription.revoked", "data": {
                    "id": "s-1", "customer_id": "c-1", "customer": { "id": "c-1", "external_id": "acme" },
                } }),
                tenant(),
            ),
            (json!({ "type": "subscription.past_due", "data": { "id": "s-1", "customer_id": "c-1" } }), customer()),
            (
                json!({ "type": "subscription.an_unheard_of_one", "data": { "customer": { "external_id": "acme" } } }),
                tenant(),
            ),
            (json!({ "type": "benefit_grant.created", "data": { "id": "g", "customer_id": "c-1" } }), customer()),
            (json!({ "type": "benefit_grant.revoked", "data": { "customer": { "external_id": "" } } }), About::Nobody),
            (json!({ "type": "order.paid", "data": { "customer": { "external_id": "acme" } } }), About::Nobody),
            (json!({ "type": "customer_seat.assigned", "data": { "external_id": "acme" } }), About::Nobody),
            (json!({ "type": "an unheard of one" }), About::Nobody),
            (json!({ "type": "customer.state_changed" }), About::Nobody),
            (json!({ "type": "customer.state_changed", "data": ["acme"] }), About::Nobody),
            (json!({ "type": "subscription.active", "data": { "external_id": "acme", "customer": 7 } }), About::Nobody),
        ] {
            assert_eq!(about(said.to_string().as_bytes()).unwrap(), whom, "{said}");
        }
        for garbage in ["", "{", "[]", "null", "{}", r#"{"type":7}"#, "\u{0}"] {
            assert!(about(garbage.as_bytes()).is_err(), "{garbage:?}");
        }
    }
}
