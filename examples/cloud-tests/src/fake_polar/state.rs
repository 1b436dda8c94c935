//! Customers, and what the API says of them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{FakePolar, Script};

/// A hand on one customer. What is changed counts from the next request on.
#[derive(Debug)]
pub struct Customer<'a> {
    pub(super) polar: &'a FakePolar,
    pub(super) external_id: String,
}

#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) external_id: String,
    kind: &'static str,
    pub(super) subscriptions: Vec<Value>,
    grants: Vec<Value>,
}

/// Whose account it is.
const ORGANIZATION: &str = "0f9a3c11-6a61-4c57-9d8e-5d1f6f1b7a10";
const MADE: &str = "2026-02-01T10:00:00.123456Z";
const UNTIL: &str = "2099-03-01T10:00:00Z";

impl Customer<'_> {
    /// Grants a feature flag whose metadata says this tier.
    pub fn benefit(&self, tier: &str) -> &Self {
        self.grant(&json!({ "tier": tier }))
    }

    /// Grants a feature flag with this metadata.
    pub fn grant(&self, metadata: &Value) -> &Self {
        let grant = grant("feature_flag", metadata);
        self.change(|person| person.grants.push(grant))
    }

    /// Subscribes to the product whose metadata says this tier; no benefit says it.
    pub fn subscription(&self, tier: &str) -> &Self {
        let subscription = subscription("active", self.polar.product(tier));
        self.change(|person| person.subscriptions.push(subscription))
    }

    /// Its subscriptions end with their period: still active, with `ends_at`.
    pub fn cancels_at_period_end(&self) -> &Self {
        self.change(|person| {
            for subscription in &mut person.subscriptions {
                subscription["cancel_at_period_end"] = true.into();
                subscription["canceled_at"] = MADE.into();
                subscription["ends_at"] = UNTIL.into();
            }
        })
    }

    /// Is behind with its payments: neither subscriptions nor benefits appear any more. So it is after a revocation.
    pub fn lapses(&self) -> &Self {
        self.change(|person| {
            person.subscriptions.clear();
            person.grants.clear();
        })
    }

    /// Is of the type `team`, which has no email address.
    pub fn of_type_team(&self) -> &Self {
        self.change(|person| person.kind = "team")
    }

    /// Is gone: 404 from now on.
    pub fn deleted(self) {
        self.polar.script().people.retain(|person| person.external_id != self.external_id);
    }

    /// Polar's own id of it.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let mut id = Uuid::nil();
        self.change(|person| id = person.id);
        id
    }

    /// What a request for its state would be answered now.
    #[must_use]
    pub fn state(&self) -> Value {
        let script = self.polar.script();
        let person = script.people.iter().find(|person| person.external_id == self.external_id);
        person.map_or(Value::Null, |person| person.state(&script))
    }

    fn change(&self, change: impl FnOnce(&mut Person)) -> &Self {
        let mut script = self.polar.script();
        let person = script.people.iter_mut().find(|person| person.external_id == self.external_id);
        change(person.unwrap());
        drop(script);
        self
    }
}

impl Person {
    pub(super) fn new(external_id: &str) -> Self {
        Person {
            id: Uuid::now_v7(),
            external_id: external_id.to_owned(),
            kind: "individual",
            subscriptions: Vec::new(),
            grants: Vec::new(),
        }
    }

    /// A customer, without what it has.
    pub(super) fn plain(&self) -> Value {
        json!({
            "id": self.id,
            "created_at": MADE,
            "modified_at": null,
            "metadata": {},
            "external_id": self.external_id,
            "email": (self.kind == "individual").then_some("someone@example.com"),
            "email_verified": self.kind == "individual",
            "type": self.kind,
            "name": null,
            "billing_address": null,
            "tax_id": null,
            "locale": null,
            "organization_id": ORGANIZATION,
            "deleted_at": null,
            "avatar_url": null,
        })
    }

    pub(super) fn state(&self, script: &Script) -> Value {
        let mut state = self.plain();
        state["active_subscriptions"] = self.subscriptions.clone().into();
        state["granted_benefits"] = self.grants.clone().into();
        state["active_meters"] = json!([]);
        if script.strange {
            grow(&mut state);
        }
        state
    }
}

pub(super) fn product(id: Uuid, tier: &str) -> Value {
    json!({
        "id": id,
        "created_at": MADE,
        "modified_at": null,
        "trial_interval": null,
        "trial_interval_count": null,
        "name": format!("The {tier} tier"),
        "description": null,
        "recurring_interval": "month",
        "is_recurring": true,
        "is_archived": false,
        "organization_id": ORGANIZATION,
        "metadata": { "tier": tier },
        "prices": [],
        "benefits": [],
        "medias": [],
        "attached_custom_fields": [],
    })
}

fn subscription(status: &str, product: Uuid) -> Value {
    json!({
        "id": Uuid::now_v7(),
        "created_at": MADE,
        "modified_at": null,
        "custom_field_data": {},
        "metadata": {},
        "status": status,
        "amount": 4900,
        "currency": "usd",
        "recurring_interval": "month",
        "current_period_start": MADE,
        "current_period_end": UNTIL,
        "trial_start": null,
        "trial_end": null,
        "cancel_at_period_end": false,
        "canceled_at": null,
        "started_at": MADE,
        "ends_at": null,
        "product_id": product,
        "discount_id": null,
        "meters": [],
    })
}

fn grant(kind: &str, metadata: &Value) -> Value {
    json!({
        "id": Uuid::now_v7(),
        "created_at": MADE,
        "modified_at": null,
        "granted_at": MADE,
        "benefit_id": Uuid::now_v7(),
        "benefit_type": kind,
        "benefit_metadata": metadata,
        "properties": {},
    })
}

/// What later versions of the API may say.
fn grow(state: &mut Value) {
    state["type"] = "household".into();
    state["loyalty"] = json!({ "tier": "business", "since": 2031 });
    for list in ["active_subscriptions", "granted_benefits"] {
        for entry in state[list].as_array_mut().into_iter().flatten() {
            entry["colour"] = json!(["blue", { "deep": true }]);
        }
    }
    if let Some(subscriptions) = state["active_subscriptions"].as_array_mut() {
        for subscription in &mut *subscriptions {
            subscription["recurring_interval"] = "fortnight".into();
        }
        if let Some(mut another) = subscriptions.last().cloned() {
            another["status"] = "hibernating".into();
            subscriptions.push(another);
        }
    }
    if let Some(grants) = state["granted_benefits"].as_array_mut() {
        grants.push(grant("teleport", &json!({ "tier": "platinum" })));
        grants.push(grant("feature_flag", &json!({ "tier": 7, "seats": 3.5 })));
    }
}
