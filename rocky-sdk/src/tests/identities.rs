//! Services, their keys, and doors that are not the driver's.

use std::sync::Arc;

use super::house::{House, get, provision};
use crate::{
    Admin, Billing, Bolted, Credentials, Doors, Observer, Operator,
    hatch::{Journal, JournalOptions},
    hearth::{Decommission, HearthError, Provision, Upgrade},
};

fn make(slug: &str) -> Provision {
    Provision { slug: slug.parse().unwrap(), tier: crate::Tier::Solo }
}

#[tokio::test]
async fn a_service_does_its_own_actions_for_one_tenant_and_no_others() {
    let mut key = None;
    let keep = Arc::new(tempfile::tempdir().unwrap());
    let house =
        House::open(keep, Arc::default(), |_| {}, |builder| key = Some(builder.service::<(Provision,)>("jobs"))).await;
    let key = key.unwrap();

    let hearth = house.hearth.clone();
    let authenticated = house.doors.authenticate_service::<Admin>(&key, "acme").await.unwrap();
    let audited = authenticated.audit(make("acme")).await.unwrap();
    let completed = audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await.unwrap();
    assert_eq!(completed.value().unwrap().tenant, "acme");
    assert_eq!(house.events()[0].actor.as_deref(), Some("service:jobs"));
    assert_eq!(house.send(get("acme")).await.status, 200);

    let denied = house.doors.authenticate_service::<Admin>(&key, "acme").await.unwrap();
    let denied = denied.audit(Decommission { slug: "acme".parse().unwrap() }).await.unwrap_err();
    assert_eq!((denied.status(), denied.code()), (403, "denied"));
    assert_eq!(house.story(2), ["auth.denied"]);

    let reader = house.doors.authenticate_service::<Observer>(&key, "acme").await.unwrap();
    assert_eq!(house.hearth.workspaces(&reader).list().await.unwrap_err().status(), 403);
    assert_eq!(house.hearth.workspaces(&reader).get(&"acme".parse().unwrap()).await.unwrap_err().status(), 403);
    assert_eq!(house.hearth.workspaces(&reader).look(&"acme".parse().unwrap()).await.unwrap_err().status(), 403);
    assert_eq!(house.story(3), ["auth.denied", "auth.denied", "auth.denied"]);
    assert_eq!(house.script.looks(), 0);
}

#[tokio::test]
async fn a_service_key_of_other_doors_opens_nothing() {
    let house = House::new().await;
    let mut foreign = None;
    let keep = Arc::new(tempfile::tempdir().unwrap());
    let _other =
        House::open(keep, Arc::default(), |_| {}, |builder| foreign = Some(builder.service::<(Provision,)>("jobs")))
            .await;
    let denied = house.doors.authenticate_service::<Admin>(&foreign.unwrap(), "acme").await.unwrap_err();
    assert_eq!(denied.status(), 403);
}

#[tokio::test]
async fn a_token_of_other_doors_opens_no_driver() {
    let (house, other) = (House::new().await, House::new().await);
    let hearth = house.hearth.clone();
    let authenticated = other.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(make("acme")).await.unwrap();
    let refusal = audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await.unwrap_err();
    assert!(matches!(refusal.error(), Some(HearthError::Foreign(_))), "{refusal}");
    assert_eq!(house.script.calls() + other.script.calls(), 0);
    assert_eq!(other.story(0), ["hearth.provisioning_started", "hearth.failed failed"]);
    assert!(house.events().is_empty());
}

/// The second, laxer doors that a route could build: an Airlock that lets everybody in.
#[tokio::test]
async fn laxer_doors_built_elsewhere_open_nothing_here() {
    struct Everybody;
    impl crate::Airlock for Everybody {
        fn resolve<'a>(
            &'a self,
            _: &'a Credentials,
        ) -> crate::BoxFuture<'a, Result<crate::Session, crate::airlock::Unresolved>> {
            Box::pin(async { Ok(crate::Session::new("anybody", "acme", crate::Rank::Admin).unwrap()) })
        }
    }
    let house = House::new().await;
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("lax")).unwrap();
    let lax = Doors::builder().airlock(Everybody).hatch(journal).billing(Billing::SelfHosted);
    let lax = lax.ledger(Arc::clone(&house.rows) as _).build().await.unwrap();
    // Nor do they show anything: whom they let in is a stranger here.
    let posing = lax.authenticate::<crate::Observer>(&Credentials::none()).await.unwrap();
    let denied = house.hearth.workspaces(&posing).list().await.unwrap_err();
    assert_eq!((denied.status(), denied.code()), (403, "denied"));
    assert!(house.hearth.workspaces(&posing).get(&"acme".parse().unwrap()).await.is_err());
    assert!(house.hearth.workspaces(&posing).look(&"acme".parse().unwrap()).await.is_err());
    let written = house.events();
    assert_eq!((written[0].kind.as_str(), &written[0].actor), ("auth.denied", &None));
    let hearth = house.hearth.clone();
    let audited = lax.authenticate::<Admin>(&Credentials::none()).await.unwrap().audit(make("acme")).await.unwrap();
    let refusal = audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await.unwrap_err();
    assert!(matches!(refusal.error(), Some(HearthError::Foreign(_))), "{refusal}");
    assert_eq!(house.script.calls(), 0);
}

/// Claims in one database and reads from another would be two truths about one workspace.
#[tokio::test]
async fn rows_that_are_not_the_doors_ledger_are_refused() {
    use crate::hearth::{Hearth, LocalProcess, Rows, SetupError};
    let house = House::new().await;
    let home = tempfile::tempdir().unwrap();
    let rows = Arc::new(Rows::open(&home.path().join("rocky.db"), "process").await.unwrap());
    let driver = LocalProcess::new(["true"], &home.path().join("workspaces")).unwrap();
    let refused = Hearth::new(&house.doors, rows, driver).map(|_| ()).unwrap_err();
    assert!(matches!(refused, SetupError::OtherLedger), "{refused}");
}

#[tokio::test]
async fn a_higher_role_does_what_a_lower_one_may_and_not_the_other_way_round() {
    let house = House::new().await;
    assert!(house.doors.authenticate::<Operator>(&Credentials::bearer("ada")).await.is_ok());
    assert!(house.doors.authenticate::<Operator>(&Credentials::bearer("otto")).await.is_ok());
    assert_eq!(house.doors.authenticate::<Operator>(&Credentials::bearer("oona")).await.unwrap_err().status(), 403);
}

#[tokio::test]
async fn a_bolt_refuses_actions_whose_events_are_anothers() {
    let house = House::new().await;
    // HEARTH's own list again is fine; it is the same types.
    assert!(Bolted::<(), (Provision, Upgrade)>::new(&house.doors, ()).is_ok());
    house.send(provision("acme", "solo")).await;
    assert_eq!(house.send(get("acme")).await.status, 200);
}
