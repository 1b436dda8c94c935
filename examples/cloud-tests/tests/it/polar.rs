//! Door 3 of the cloud build, asked through the console's routes: who is let through, what Polar is asked, and that
//! nothing is done on doubt.

use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use rocky_cloud_tests::fake_polar::{FakePolar, Trouble};
use rocky_sdk::Billing;
use serde_json::json;

use crate::house::{Answer, House, LIMIT, WORKSPACES, billing, token};

const REFUSED: [&str; 2] = ["hearth.provisioning_started", "hearth.failed refused"];
const ACME: &str = "GET /v1/customers/external/acme/state";

fn not_entitled() -> (u16, String) {
    (402, "not-entitled".to_owned())
}

fn unavailable() -> (u16, String) {
    (503, "billing-unavailable".to_owned())
}

#[tokio::test]
async fn the_tier_that_is_paid_for_is_provisioned_and_no_higher_one() {
    let polar = FakePolar::start();
    let house = House::new(billing(&polar)).await;
    let admin = token("admin", "acme");
    let mut refused = 0;
    let mut refuses = async |tier: &str| {
        let answer = house.provision(&admin, "blue", tier).await;
        assert_eq!(answer.is(), not_entitled(), "{}", answer.text);
        assert!(answer.text.contains(tier), "it says which tier is needed: {}", answer.text);
        refused += 1;
        assert_eq!(house.story(), REFUSED.repeat(refused));
        assert_eq!((house.driver_calls(), house.tombstones()), (0, 0));
    };
    refuses("team").await; // no customer
    let acme = polar.customer("acme");
    refuses("team").await; // with nothing
    acme.benefit("solo");
    refuses("team").await;
    acme.grant(&json!({ "tier": "TEAM" })).grant(&json!({ "tier": ["business"] })).grant(&json!({ "plan": "team" }));
    refuses("team").await; // tiers that nobody knows
    acme.lapses().benefit("team");
    refuses("business").await;
    polar.grows();
    refuses("business").await; // whatever else the state says now
    assert_eq!(house.get(&admin, "blue").await.status, 404, "what was refused left no row");
    assert_eq!(house.provision(&admin, "blue", "team").await.status, 200);
    acme.of_type_team().benefit("business").cancels_at_period_end();
    assert_eq!(house.provision(&admin, "green", "business").await.status, 200);
    assert_eq!(house.provision(&admin, "red", "team").await.status, 200, "the highest covers those below");
    acme.lapses();
    assert_eq!(house.upgrade(&admin, "blue", "business").await.is(), not_entitled());
    assert_eq!(house.decommission(&admin, "blue").await.is(), not_entitled());
    assert_eq!(house.provision(&admin, "free", "solo").await.status, 200);
}

#[tokio::test]
async fn a_tier_that_only_the_products_metadata_says_counts_while_it_is_subscribed_to() {
    let polar = FakePolar::start();
    let house = House::new(billing(&polar)).await;
    let admin = token("admin", "acme");
    let acme = polar.customer("acme");
    let product = polar.product("team");
    acme.subscription("team").cancels_at_period_end();
    polar.grows();
    assert_eq!(house.provision(&admin, "blue", "team").await.status, 200);
    assert_eq!(polar.forget(), [ACME.to_owned(), format!("GET /v1/products/{product}")]);
    assert_eq!(house.upgrade(&admin, "blue", "business").await.is(), not_entitled());
    acme.lapses();
    assert_eq!(house.decommission(&admin, "blue").await.is(), not_entitled());
}

#[tokio::test]
async fn every_doubt_is_503_and_the_driver_is_not_called() {
    let stateful = |polar: &FakePolar, trouble: usize| match trouble {
        0 => polar.always(Trouble::Status(500)),
        1 => polar.always(Trouble::Status(502)),
        2 => polar.always(Trouble::Status(503)),
        3 => polar.always(Trouble::TooMany { retry_after: None }),
        4 => polar.always(Trouble::TooMany { retry_after: Some(3600) }),
        5 => polar.always(Trouble::Invalid),
        6 => polar.always(Trouble::NotJson),
        7 => polar.always(Trouble::Says(json!([]))),
        8 => polar.always(Trouble::Says(json!("business"))),
        9 => polar.always(Trouble::Drop),
        10 => polar.always(Trouble::CutOff),
        11 => polar.always(Trouble::Delay(LIMIT * 3)),
        12 => polar.always(Trouble::Says(polar.customer("globex").benefit("business").state())),
        13 => polar.revoke_scope("customers:read"),
        _ => polar.revoke_token(),
    };
    let admin = token("admin", "acme");
    for trouble in 0..15 {
        let polar = FakePolar::start();
        polar.customer("acme").benefit("business");
        let house = House::new(billing(&polar)).await;
        stateful(&polar, trouble);
        let began = Instant::now();
        let answer = house.provision(&admin, "blue", "team").await;
        assert_eq!(answer.is(), unavailable(), "trouble {trouble}: {}", answer.text);
        assert!(answer.headers.contains_key("retry-after"), "trouble {trouble}");
        assert!(began.elapsed() < LIMIT * 2, "trouble {trouble} took {:?}", began.elapsed());
        assert_eq!(house.story(), REFUSED, "trouble {trouble}");
        assert_eq!((house.driver_calls(), house.tombstones()), (0, 0), "trouble {trouble}");
        assert_eq!(house.get(&admin, "blue").await.status, 404, "trouble {trouble}");
        if trouble < 13 {
            polar.recovers();
            assert_eq!(house.provision(&admin, "blue", "team").await.status, 200, "after trouble {trouble}");
        }
    }
    let polar = FakePolar::start();
    let house = House::new(billing(&polar)).await;
    drop(polar);
    assert_eq!(house.provision(&admin, "blue", "team").await.is(), unavailable());
    assert_eq!(house.provision(&admin, "blue", "solo").await.status, 200, "solo asks nobody");
}

#[tokio::test]
async fn a_trouble_that_passes_is_waited_out_for_as_long_as_it_says() {
    let polar = FakePolar::start();
    polar.customer("acme").benefit("business");
    let house = House::new(billing(&polar)).await;
    let admin = token("admin", "acme");

    polar.next(Trouble::TooMany { retry_after: Some(1) });
    assert_eq!(house.provision(&admin, "one", "team").await.status, 200);
    let asked = polar.asked();
    assert_eq!(polar.forget(), [ACME; 2]);
    let waited = asked[1].at - asked[0].at;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");

    for (slug, trouble) in
        [("two", Trouble::TooMany { retry_after: None }), ("three", Trouble::Status(503)), ("four", Trouble::Drop)]
    {
        polar.next(trouble);
        assert_eq!(house.provision(&admin, slug, "team").await.status, 200, "{slug}");
        assert_eq!(polar.forget(), [ACME; 2], "{slug}");
    }

    // What would come too late is not waited for.
    polar.always(Trouble::TooMany { retry_after: Some(60) });
    let began = Instant::now();
    assert_eq!(house.provision(&admin, "five", "team").await.is(), unavailable());
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    assert_eq!(polar.forget(), [ACME]);

    // Asking again and again is bounded, however fast the answers come.
    polar.always(Trouble::Status(500));
    assert_eq!(house.provision(&admin, "six", "team").await.is(), unavailable());
    let calls = polar.forget().len();
    assert!((2..=6).contains(&calls), "{calls}");

    // No is no: it is not asked again.
    polar.always(Trouble::Invalid);
    assert_eq!(house.provision(&admin, "seven", "team").await.is(), unavailable());
    assert_eq!(polar.forget(), [ACME]);
}

#[tokio::test]
async fn polar_is_asked_once_for_each_action_above_solo_and_never_else() {
    let polar = FakePolar::start();
    polar.customer("acme").benefit("business");
    let house = House::new(billing(&polar)).await;
    let (admin, operator) = (token("admin", "acme"), token("operator", "acme"));
    let other = token("admin", "globex");
    let none: [&str; 0] = [];
    let asked = |answer: Answer, status: u16, calls: &[&str]| {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(polar.forget(), calls, "{}", answer.text);
    };
    asked(house.provision(&admin, "blue", "solo").await, 200, &none);
    asked(house.repair(&admin, "blue").await, 200, &none);
    asked(house.provision(&admin, "blue", "team").await, 409, &none); // taken
    asked(house.provision(&other, "blue", "team").await, 409, &none);
    asked(house.upgrade(&admin, "blue", "solo").await, 422, &none); // not an upgrade
    asked(house.upgrade(&admin, "blue", "gold").await, 422, &none); // no tier
    asked(house.upgrade(&admin, "grey", "team").await, 404, &none);
    asked(house.upgrade(&operator, "blue", "team").await, 403, &none);
    asked(house.upgrade(&other, "blue", "team").await, 403, &none);
    asked(house.upgrade("nobody", "blue", "team").await, 403, &none);
    asked(house.get(&admin, "blue").await, 200, &none);
    asked(house.send(&operator, "GET", WORKSPACES, None).await, 200, &none);
    asked(house.send("", "GET", "/readyz", None).await, 200, &none);
    asked(house.upgrade(&admin, "blue", "team").await, 200, &[ACME]);
    asked(house.provision(&admin, "green", "business").await, 200, &[ACME]);
    // As with every action whose tier is the row's.
    asked(house.repair(&admin, "green").await, 200, &none);
    asked(house.decommission(&admin, "green").await, 200, &[ACME]);

    let key = [("idempotency-key", "once")];
    let body = || Some(json!({ "slug": "red", "tier": "team" }));
    asked(house.send_with(&admin, "POST", WORKSPACES, body(), &key).await, 200, &[ACME]);
    asked(house.send_with(&admin, "POST", WORKSPACES, body(), &key).await, 200, &none);

    asked(house.provision(&admin, "free", "solo").await, 200, &none);
    asked(house.decommission(&admin, "free").await, 200, &none);
}

#[tokio::test]
async fn how_polar_is_asked() {
    let polar = FakePolar::start();
    polar.customer("acme").benefit("team");
    let house = House::new(billing(&polar)).await;
    assert_eq!(house.provision(&token("admin", "acme"), "blue", "team").await.status, 200);
    let asked = &polar.asked()[0];
    assert_eq!(asked.header("authorization"), Some("Bearer (not kept)"));
    assert_eq!(asked.header("polar-version"), Some("2026-10"));
    assert_eq!(
        (asked.header("cookie"), asked.header("traceparent")),
        (None, None),
        "nothing of the caller's goes along"
    );
    assert_eq!(asked.body, "");
}

#[tokio::test]
async fn with_billing_disabled_nobody_is_asked() {
    let polar = FakePolar::start();
    let house = House::new(Billing::SelfHosted).await;
    let admin = token("admin", "acme");
    assert_eq!(house.provision(&admin, "blue", "team").await.status, 200);
    assert_eq!(house.upgrade(&admin, "blue", "business").await.status, 200);
    assert_eq!(house.repair(&admin, "blue").await.status, 200);
    assert_eq!(house.decommission(&admin, "blue").await.status, 200);
    assert!(polar.calls().is_empty());
}

#[tokio::test]
async fn polar_that_ends_in_the_middle_of_a_provision_leaves_a_failed_outcome_and_nothing_else() {
    let polar = FakePolar::start();
    polar.customer("acme").benefit("business");
    polar.always(Trouble::Delay(Duration::from_secs(60)));
    let house = House::new(billing(&polar)).await;
    let admin = token("admin", "acme");
    let provisioning = house.provision(&admin, "blue", "team");
    let ends = async {
        while polar.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(house.story(), REFUSED[..1], "it is durable before anybody is asked");
        assert_eq!((house.driver_calls(), house.tombstones()), (0, 1));
        drop(polar);
    };
    let (answer, ()) = tokio::join!(provisioning, ends);
    assert_eq!(answer.is(), unavailable());
    assert_eq!(house.story(), REFUSED);
    assert_eq!((house.driver_calls(), house.tombstones()), (0, 0));
    assert_eq!(house.get(&admin, "blue").await.status, 404);
    assert_eq!(house.provision(&admin, "blue", "solo").await.status, 200, "the slug is free again");
}

/// The tenant whose state was asked for, where the path is of that form and of no other.
fn asked_about(call: &str) -> Option<String> {
    let id = call.strip_prefix("GET /v1/customers/external/")?.strip_suffix("/state")?;
    let one_segment = !id.is_empty() && !id.contains(['/', '?', '#', '\\']);
    one_segment.then(|| percent_decode_str(id).decode_utf8().unwrap().into_owned())
}

#[tokio::test]
async fn no_tenant_gets_anothers_entitlement_whatever_bytes_are_in_its_id() {
    let polar = FakePolar::start();
    for paying in ["b", "state", "external", "customers", "a", "acme"] {
        polar.customer(paying).benefit("business");
    }
    let house = House::new(billing(&polar)).await;
    let long = "b".repeat(5000);
    let most = format!("{}/../b", "a".repeat(120));
    for tenant in [
        "a/../b",
        "../b",
        "a/../../external/b",
        "/b",
        "b/",
        "b/.",
        "./b",
        "..",
        ".",
        "...",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%62",
        "a%2F..%2Fb",
        "%2e%2e%2fb",
        "b?x=",
        "b?",
        "b#c",
        "b#",
        "b/state?",
        "b/state#",
        "?",
        "#",
        "/",
        "\\b",
        "a\\..\\b",
        "b ",
        " b",
        "\u{a0}b",
        "b\0",
        "b\0c",
        "b\r\nx: y",
        "b\t",
        "B",
        "ｂ",
        "b\u{301}",
        "\u{200b}b",
        "\u{202e}b",
        "b;x",
        "b+",
        "+",
        "b&external_id=b",
        "https://127.0.0.1/b",
        "//b",
        "@b",
        "b:80",
        "",
        "é",
        "𝕓",
        &long,
        &most,
    ] {
        let answer = house.provision(&token("admin", tenant), "blue", "team").await;
        assert!([402, 403, 503].contains(&answer.status), "{tenant:?}: {} {}", answer.status, answer.text);
        for call in polar.forget() {
            assert_eq!(asked_about(&call).as_deref(), Some(tenant), "{tenant:?} asked {call}");
        }
    }
    assert_eq!(house.driver_calls(), 0);
    let nothing_but = |status: &String| REFUSED.contains(&status.as_str());
    assert!(house.story().iter().all(nothing_but), "{:?}", house.story());
}

#[tokio::test]
async fn an_odd_id_that_pays_gets_what_it_pays_for() {
    let polar = FakePolar::start();
    let house = House::new(billing(&polar)).await;
    for (at, tenant) in
        ["a/../b", "%2e%2e", "a%2Fb", "b?x=", "b#c", "a b", "a+b", "é", "𝕓", "a&b=c", "a;b", "~a-b_c.d", "..."]
            .iter()
            .enumerate()
    {
        polar.customer(tenant).benefit("team");
        let answer = house.provision(&token("admin", tenant), &format!("w{at}"), "team").await;
        assert_eq!(answer.status, 200, "{tenant:?}: {}", answer.text);
    }
}
