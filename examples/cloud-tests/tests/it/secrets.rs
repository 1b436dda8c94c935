//! No secret stands in anything that is written: the home's files, the log at its loudest, answers, errors, `Debug`.

use std::{
    io,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use rocky_cloud_tests::fake_polar::{FakePolar, KeyForm, Trouble, secret};
use rocky_sdk::config::Config;
use serde_json::json;
use tracing::Level;

use crate::house::{House, WORKSPACES, billing, token};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn holds(written: &[u8], secret: &str) -> bool {
    written.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[tokio::test]
async fn no_secret_is_in_anything_that_is_written() {
    let log = Log::default();
    let writer = log.clone();
    // Of every thread: the journal has one of its own.
    let logs = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(logs).unwrap();
    tracing::info!("the control: it is heard");

    let polar = FakePolar::start();
    polar.customer("acme").benefit("team");
    let (polar_token, webhook_secret) = (polar.token(), secret());
    let admin = token("admin", "acme");
    let mut written = Vec::new();
    let mut keep = |text: &str| written.extend_from_slice(text.as_bytes());

    let third = billing(&polar);
    keep(&format!("{third:?} {third:#?}"));
    let house = House::new(third).await;
    keep(&format!("{:?}", house.doors));
    for (slug, trouble) in [
        ("a", Trouble::NotJson),
        ("b", Trouble::Drop),
        ("c", Trouble::CutOff),
        ("d", Trouble::Status(500)),
        ("e", Trouble::TooMany { retry_after: Some(600) }),
        ("f", Trouble::Invalid),
        // A server that says a secret back.
        ("g", Trouble::Says(json!({ "error": polar_token }))),
        ("h", Trouble::Says(json!(format!("Bearer {polar_token}")))),
    ] {
        polar.always(trouble);
        let answer = house.provision(&admin, slug, "team").await;
        assert_eq!(answer.status, 503, "{slug}: {}", answer.text);
        keep(&format!("{:?}{}", answer.headers, answer.text));
    }
    polar.recovers();
    for answer in [
        house.provision(&admin, "blue", "team").await,
        house.provision(&admin, "green", "business").await,
        house.provision("wrong-6e6f-sesame-not", "red", "team").await,
        house.send_with(&admin, "GET", WORKSPACES, None, &[("cookie", "better-auth.session_token=tok.sig")]).await,
    ] {
        keep(&format!("{:?}{}", answer.headers, answer.text));
    }
    polar.revoke_token();
    keep(&house.provision(&admin, "red", "team").await.text);

    let set = |url: &str| {
        let url = url.to_owned();
        Config::from_vars(|name| {
            Some(match name {
                "ROCKY_AUTH" => "airlock".to_owned(),
                "ROCKY_AIRLOCK_URL" => "https://auth.devarno.cloud".to_owned(),
                "ROCKY_BILLING" => "enabled".to_owned(),
                "ROCKY_POLAR_URL" => url.clone(),
                "ROCKY_POLAR_TOKEN" => polar_token.clone(),
                "ROCKY_POLAR_WEBHOOK_SECRET" => webhook_secret.clone(),
                _ => return None,
            })
        })
    };
    let config = set(polar.url()).unwrap();
    keep(&format!("{config:?} {config:#?}"));
    keep(&format!("{:?}", set("").unwrap_err()));

    written.extend(house.written());
    written.extend(log.0.lock().unwrap().iter());
    assert!(holds(&written, "the control: it is heard") && holds(&written, "hearth.provisioning_started"));
    let signature =
        polar.event("customer.deleted", &json!({}), Timestamp::now()).headers(&webhook_secret, KeyForm::Decoded);
    for (what, secret) in [
        ("Polar's token", polar_token.as_str()),
        ("the webhook secret", webhook_secret.as_str()),
        ("the webhook key", webhook_secret.trim_start_matches("whsec_")),
        ("a webhook's signature", signature[2].1.as_str()),
        ("the caller's token", admin.as_str()),
        ("a wrong token", "wrong-6e6f-sesame-not"),
        ("a cookie", "tok.sig"),
    ] {
        assert!(!holds(&written, secret), "{what} was written");
    }
}
