//! What Polar says of a customer and of a product. What this does not know is left out: fields and words come over time.

use std::collections::BTreeSet;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::Tier;

/// The state of a customer. Both lists must be there: that nothing was said is not that nothing is paid for.
#[derive(Deserialize)]
pub(super) struct CustomerState {
    #[serde(default)]
    pub(super) external_id: Option<String>,
    #[serde(default)]
    deleted_at: Option<IgnoredAny>,
    active_subscriptions: Vec<Subscription>,
    granted_benefits: Vec<Grant>,
}

/// One that is paid for; what is cancelled stays in the list until it ends.
#[derive(Deserialize)]
struct Subscription {
    product_id: String,
}

#[derive(Deserialize)]
struct Grant {
    #[serde(default)]
    benefit_metadata: Value,
}

#[derive(Deserialize)]
pub(super) struct Product {
    pub(super) id: String,
    #[serde(default)]
    metadata: Value,
}

impl CustomerState {
    pub(super) fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// The highest tier that a granted benefit says.
    pub(super) fn tier_of_benefits(&self) -> Option<Tier> {
        self.granted_benefits.iter().filter_map(|grant| tier_in(&grant.benefit_metadata)).max()
    }

    /// The products that it subscribes to, each once.
    pub(super) fn products(&self) -> BTreeSet<&str> {
        self.active_subscriptions.iter().map(|subscription| subscription.product_id.as_str()).collect()
    }
}

impl Product {
    pub(super) fn tier(&self) -> Option<Tier> {
        tier_in(&self.metadata)
    }
}

/// A word that is no tier says none.
fn tier_in(metadata: &Value) -> Option<Tier> {
    let word = metadata.get("tier")?.as_str()?;
    [Tier::Solo, Tier::Team, Tier::Business].into_iter().find(|tier| tier.as_str() == word)
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn state(benefits: &[Value], products: &[&str]) -> CustomerState {
        let benefits: Vec<_> = benefits.iter().map(|metadata| json!({ "benefit_metadata": metadata })).collect();
        let subscriptions: Vec<_> = products.iter().map(|id| json!({ "product_id": id })).collect();
        from_value(json!({ "id": "c", "active_subscriptions": subscriptions, "granted_benefits": benefits })).unwrap()
    }

    #[test]
    fn the_highest_tier_that_a_benefit_says_counts() {
        let says = |word: &str| json!({ "tier": word });
        for (benefits, tier) in [
            (vec![], None),
            (vec![says("team")], Some(Tier::Team)),
            (vec![says("team"), says("business"), says("solo")], Some(Tier::Business)),
            (vec![says("solo")], Some(Tier::Solo)),
            (vec![says("platinum"), says("team")], Some(Tier::Team)),
            (vec![says("Business")], None),
            (vec![says(" team")], None),
            (vec![says("")], None),
            (vec![json!({ "tier": 3 })], None),
            (vec![json!({ "tier": ["team"] })], None),
            (vec![json!({ "tier": { "team": null } })], None),
            (vec![json!({ "TIER": "team" })], None),
            (vec![json!(null), json!("team"), json!([]), json!({})], None),
        ] {
            assert_eq!(state(&benefits, &["p"]).tier_of_benefits(), tier, "{benefits:?}");
        }
    }

    #[test]
    fn a_product_is_asked_for_once_and_says_its_tier_as_a_benefit_does() {
        assert_eq!(Vec::from_iter(state(&[], &["b", "a", "b"]).products()), ["a", "b"]);
        for (product, tier) in [
            (json!({ "id": "p", "metadata": { "tier": "team" }, "is_archived": true }), Some(Tier::Team)),
            (json!({ "id": "p", "metadata": {} }), None),
            (json!({ "id": "p" }), None),
        ] {
            assert_eq!(from_value::<Product>(product).unwrap().tier(), tier);
        }
    }

    #[test]
    fn unknown_fields_and_words_are_no_reason_to_fail() {
        let whole = json!({
            "id": "c", "created_at": "2026-10-01T00:00:00Z", "modified_at": null, "metadata": { "a": 1 },
            "external_id": "acme", "email": null, "email_verified": false, "type": "team", "name": null,
            "organization_id": "o", "deleted_at": null, "members": [{ "role": "new" }], "a_new_field": { "deep": [] },
            "active_subscriptions": [{
                "id": "s", "status": "an_unheard_of_one", "amount": 100, "currency": "usd", "recurring_interval": "eon",
                "cancel_at_period_end": true, "ends_at": "2026-11-01T00:00:00Z", "product_id": "p", "meters": [{}],
            }],
            "granted_benefits": [{
                "id": "g", "granted_at": "2026-10-01T00:00:00Z", "benefit_id": "b", "benefit_type": "an_unheard_of_one",
                "benefit_metadata": { "tier": "team", "more": 1.5 }, "properties": { "x": true },
            }],
            "active_meters": [{ "balance": -1 }],
        });
        let state: CustomerState = from_value(whole).unwrap();
        assert_eq!(state.external_id.as_deref(), Some("acme"));
        assert_eq!((state.tier_of_benefits(), state.is_deleted()), (Some(Tier::Team), false));
    }

    #[test]
    fn an_answer_without_its_lists_says_nothing() {
        for not_a_state in [
            json!({}),
            json!([]),
            json!({ "id": "c", "external_id": "acme" }),
            json!({ "id": "c", "external_id": "acme", "active_subscriptions": [] }),
            json!({ "id": "c", "external_id": "acme", "active_subscriptions": null, "granted_benefits": null }),
            json!({ "id": "c", "external_id": 7, "active_subscriptions": [], "granted_benefits": [] }),
            json!({ "id": "c", "active_subscriptions": [{}], "granted_benefits": [] }),
        ] {
            assert!(from_value::<CustomerState>(not_a_state.clone()).is_err(), "{not_a_state}");
        }
    }

    #[test]
    fn a_customer_with_a_date_of_deletion_is_deleted() {
        let at = |deleted: Value| {
            let said = json!({ "id": "c", "deleted_at": deleted, "active_subscriptions": [], "granted_benefits": [] });
            from_value::<CustomerState>(said).unwrap().is_deleted()
        };
        assert!(at(json!("2026-10-01T00:00:00Z")) && at(json!(false)) && !at(json!(null)));
    }
}
