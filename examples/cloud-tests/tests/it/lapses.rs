//! Tiers that lapse and return: webhooks in every order and number, an operator's sync, and doubt, which changes nothing.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, header::CONTENT_TYPE},
};
use jiff::{SignedDuration, Timestamp};
use rocky_cloud_tests::fake_polar::{FakePolar, KeyForm, Trouble, Webhook, secret};
use rocky_sdk::{
    Billing, Slug,
    hearth::Hearth,
    polar::{Polar, Synced, Webhooks, settle_tier, settle_webhook, sync_all},
    web::{DoorRouter, Redeliver, Verified},
};
use tokio::task::JoinSet;

use crate::house::{Answer, House, answer, billing, token};

const HOOK: &str = "/webhooks/polar";

/// A house that Polar may tell something.
struct Told {
    house: Arc<House>,
    polar: Polar,
    secret: String,
    router: Router,
    admin: String,
}

async fn told(third: &FakePolar) -> Told {
    let billing = billing(third);
    let Billing::Polar(polar) = &billing else { panic!("{billing:?}") };
    let polar = polar.clone();
    let (house, secret) = (House::new(billing).await, secret());
    let webhooks = Webhooks::new(&secret).unwrap();
    let state = (polar.clone(), house.hearth.clone());
    let routes = DoorRouter::new(house.doors.clone()).webhook(HOOK, webhooks, Arc::clone(&house.key), settle);
    Told { router: routes.with_state(state), house: Arc::new(house), polar, secret, admin: token("admin", "acme") }
}

async fn settle(verified: Verified, State((polar, hearth)): State<(Polar, Hearth)>) -> Result<(), Redeliver> {
    settle_webhook(&polar, &hearth, &verified).await
}

fn slug(name: &str) -> Slug {
    name.parse().unwrap()
}

impl Told {
    async fn hear(&self, webhook: &Webhook, form: KeyForm) -> Answer {
        self.hear_with(&webhook.body, &webhook.headers(&self.secret, form)).await
    }

    async fn hear_with(&self, body: &str, headers: &[(&str, String)]) -> Answer {
        let mut request = Request::builder().method("POST").uri(HOOK).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        answer(self.router.clone(), request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn state(&self, slug: &str) -> String {
        self.house.get(&self.admin, slug).await.json()["state"].as_str().unwrap_or_default().to_owned()
    }

    /// How often each of the two came about, and that nothing of either failed.
    fn transitions(&self) -> (usize, usize) {
        let story = self.house.story();
        let count = |what: &str| story.iter().filter(|event| *event == what).count();
        (count("hearth.readonly succeeded"), count("hearth.restored succeeded"))
    }

    async fn sync(&self) -> Synced {
        settle_tier(&self.polar, &self.house.doors, &self.house.hearth, &self.house.key, "acme").await
    }
}

#[tokio::test]
async fn a_webhook_says_whom_to_look_at_and_only_polars_answer_counts() {
    let third = FakePolar::start();
    let acme = third.customer("acme");
    acme.benefit("team");
    let told = told(&third).await;
    assert_eq!(told.house.provision(&told.admin, "blue", "team").await.status, 200);
    assert_eq!(told.house.provision(&told.admin, "free", "solo").await.status, 200);
    let paid = acme.state_changed(Timestamp::now());
    acme.lapses();
    let lapsed = acme.state_changed(Timestamp::now());

    // In both forms of the key, twice each, and the older one after the newer one: it says that all is paid for.
    for webhook in [&lapsed, &lapsed, &paid, &lapsed] {
        for form in [KeyForm::Whole, KeyForm::Decoded] {
            assert_eq!(told.hear(webhook, form).await.status, 204);
            assert_eq!((told.state("blue").await, told.state("free").await), ("read_only".into(), "active".into()));
        }
    }
    assert_eq!(told.transitions(), (1, 0));
    let event = told.house.events().into_iter().find(|event| event.kind == "hearth.readonly").unwrap();
    assert_eq!((event.actor.as_deref(), event.tenant.as_deref()), (Some("service:billing"), Some("acme")));

    acme.benefit("business");
    for webhook in [&lapsed, &lapsed, &paid] {
        assert_eq!(told.hear(webhook, KeyForm::Decoded).await.status, 204);
        assert_eq!(told.state("blue").await, "active");
    }
    assert_eq!(told.transitions(), (1, 1));
    assert_eq!(told.house.upgrade(&told.admin, "blue", "business").await.status, 200);
    // What is paid for covers team and not business.
    acme.lapses().benefit("team");
    assert_eq!(told.hear(&acme.told("subscription.updated", Timestamp::now()), KeyForm::Decoded).await.status, 204);
    assert_eq!(told.state("blue").await, "read_only");
    assert_eq!(told.house.tombstones(), 0);
}

#[tokio::test]
async fn what_is_not_signed_or_not_now_is_a_stranger_and_changes_nothing() {
    let third = FakePolar::start();
    let acme = third.customer("acme");
    acme.benefit("team");
    let told = told(&third).await;
    assert_eq!(told.house.provision(&told.admin, "blue", "team").await.status, 200);
    acme.lapses();
    third.forget();
    let webhook = acme.state_changed(Timestamp::now());
    let good = webhook.headers(&told.secret, KeyForm::Decoded);
    let early = acme.state_changed(Timestamp::now() + SignedDuration::from_mins(6));
    let late = acme.state_changed(Timestamp::now() - SignedDuration::from_mins(6));
    let stranger = (403, "denied".to_owned());
    let before = told.house.events().len();
    for (body, headers) in [
        (webhook.body.clone() + " ", good.to_vec()),
        (webhook.body.replace("acme", "globex"), good.to_vec()),
        (webhook.body.clone(), good[..2].to_vec()),
        (webhook.body.clone(), Vec::new()),
        (webhook.body.clone(), webhook.headers(&secret(), KeyForm::Decoded).to_vec()),
        (early.body.clone(), early.headers(&told.secret, KeyForm::Decoded).to_vec()),
        (late.body.clone(), late.headers(&told.secret, KeyForm::Whole).to_vec()),
    ] {
        assert_eq!(told.hear_with(&body, &headers).await.is(), stranger, "{headers:?}");
    }
    assert_eq!((told.state("blue").await, third.forget().len()), ("active".to_owned(), 0));
    let denied = told.house.events().split_off(before);
    assert!(denied.len() == 7 && denied.iter().all(|event| event.kind == "auth.denied"), "{:?}", told.house.story());
    // A body that is no JSON, and is signed, comes from Polar all the same: it is to be sent again, and never is anything else.
    let odd = Webhook { body: "<html>".to_owned(), ..webhook.clone() };
    assert_eq!(told.hear(&odd, KeyForm::Decoded).await.is(), (503, "not-yet".to_owned()));
    assert_eq!(
        told.hear(&third.event("order.paid", &serde_json::json!({}), Timestamp::now()), KeyForm::Whole).await.status,
        204
    );
    assert_eq!(third.forget().len(), 0);
    assert_eq!(told.hear(&webhook, KeyForm::Decoded).await.status, 204);
    assert_eq!(told.state("blue").await, "read_only");
}

#[tokio::test]
async fn doubt_neither_takes_a_workspace_nor_gives_it_back() {
    let third = FakePolar::start();
    let acme = third.customer("acme");
    acme.benefit("team");
    let told = told(&third).await;
    assert_eq!(told.house.provision(&told.admin, "blue", "team").await.status, 200);
    let somebody = third.customer("globex").benefit("business").state();
    for paid in [true, false] {
        if !paid {
            acme.lapses();
            assert_eq!(told.sync().await.read_only, [slug("blue")]);
        }
        let (state, transitions) = (told.state("blue").await, told.transitions());
        for trouble in [
            Trouble::Status(500),
            Trouble::Status(404),
            Trouble::TooMany { retry_after: Some(600) },
            Trouble::Invalid,
            Trouble::NotJson,
            Trouble::Says(serde_json::json!({})),
            Trouble::Says(somebody.clone()),
            Trouble::Drop,
            Trouble::CutOff,
        ] {
            third.always(trouble.clone());
            let webhook = acme.state_changed(Timestamp::now());
            assert_eq!(told.hear(&webhook, KeyForm::Decoded).await.is(), (503, "not-yet".to_owned()), "{trouble:?}");
            let synced = told.sync().await;
            assert!(!synced.is_settled() && synced.error.is_some(), "{trouble:?}: {synced:?}");
            assert_eq!((told.state("blue").await, told.transitions()), (state.clone(), transitions), "{trouble:?}");
        }
        third.recovers();
    }
    acme.benefit("team");
    assert_eq!(told.sync().await.restored, [slug("blue")]);
    assert_eq!(told.house.tombstones(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_everybody_says_at_once_is_done_once() {
    let third = FakePolar::start();
    let acme = third.customer("acme");
    acme.benefit("business");
    let told = Arc::new(told(&third).await);
    for name in ["one", "two", "three"] {
        assert_eq!(told.house.provision(&told.admin, name, "team").await.status, 200);
    }
    for round in 1..=3 {
        for lapses in [true, false] {
            if lapses {
                acme.lapses();
            } else {
                acme.benefit("team");
            }
            let mut at_once = JoinSet::new();
            for number in 0..12 {
                let (told, webhook) = (Arc::clone(&told), acme.state_changed(Timestamp::now()));
                at_once.spawn(async move {
                    match number % 3 {
                        0 => told.house.repair(&told.admin, "one").await.status,
                        1 => u16::from(told.sync().await.is_settled()),
                        _ => told.hear(&webhook, KeyForm::Decoded).await.status,
                    }
                });
            }
            let said = at_once.join_all().await;
            assert!(said.iter().all(|said| [0, 1, 200, 204, 409, 423, 503].contains(said)), "{said:?}");
            let synced = told.sync().await;
            assert!(synced.is_settled(), "{synced:?}");
            let state = if lapses { "read_only" } else { "active" };
            for name in ["one", "two", "three"] {
                assert_eq!(told.state(name).await, state, "{name} in round {round}");
            }
        }
        assert_eq!(told.transitions(), (3 * round, 3 * round));
    }
    assert_eq!(told.house.tombstones(), 0);
}

#[tokio::test]
async fn a_sync_looks_at_everybody_who_pays_or_should_and_one_doubt_is_not_the_others() {
    let third = FakePolar::start();
    let told = told(&third).await;
    for (tenant, name) in [("acme", "blue"), ("globex", "green"), ("a/../b", "odd"), ("umbrella", "free")] {
        third.customer(tenant).benefit("team");
        let tier = if name == "free" { "solo" } else { "team" };
        assert_eq!(told.house.provision(&token("admin", tenant), name, tier).await.status, 200);
    }
    for tenant in ["acme", "a/../b", "umbrella"] {
        third.customer(tenant).lapses();
    }
    third.forget();
    third.next(Trouble::NotJson); // for the first of them, by name
    let all = async || sync_all(&told.polar, &told.house.doors, &told.house.hearth, &told.house.key).await.unwrap();
    let synced = all().await;
    let tenants: Vec<&str> = synced.iter().map(|synced| synced.tenant.as_str()).collect();
    assert_eq!(tenants, ["a/../b", "acme", "globex"]);
    assert!(synced[0].error.is_some() && synced[0].read_only.is_empty());
    assert_eq!((synced[1].read_only.clone(), synced[2].is_settled()), (vec![slug("blue")], true));
    assert!(synced[2].read_only.is_empty());
    assert!(third.forget().iter().all(|call| !call.contains("umbrella")), "who has solo alone is not asked about");
    assert_eq!(all().await[0].read_only, [slug("odd")]);
    assert!(all().await.iter().all(|synced| synced.is_settled() && synced.read_only.is_empty()));
    assert_eq!(told.transitions(), (2, 0));
}

#[tokio::test]
async fn after_seven_days_an_admin_may_take_it_away_and_polar_is_not_asked() {
    let third = FakePolar::start();
    let acme = third.customer("acme");
    acme.benefit("team");
    let told = told(&third).await;
    assert_eq!(told.house.provision(&told.admin, "blue", "team").await.status, 200);
    acme.lapses();
    assert_eq!(told.sync().await.read_only, [slug("blue")]);
    third.always(Trouble::Status(500));
    third.forget();
    told.house.clock.advance(SignedDuration::from_hours(7 * 24) - SignedDuration::from_secs(1));
    let early = told.house.decommission(&told.admin, "blue").await;
    assert_eq!(early.is(), (423, "read-only".to_owned()));
    let until: Timestamp = early.json()["until"].as_str().unwrap().parse().unwrap();
    told.house.clock.set(until);
    for refused in
        [told.house.upgrade(&told.admin, "blue", "business").await, told.house.repair(&told.admin, "blue").await]
    {
        assert_eq!(refused.is(), (423, "read-only".to_owned()));
    }
    assert_eq!(told.house.decommission(&token("operator", "acme"), "blue").await.status, 403);
    assert_eq!(told.house.decommission(&told.admin, "blue").await.status, 200);
    assert_eq!(third.forget().len(), 0);
    assert!(told.house.keeper.reconcile(None, "a test").await.is_empty());
}
