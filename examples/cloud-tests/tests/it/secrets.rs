//! No secret stands in anything that is written: the home's files, the log at its loudest, answers, errors, `Debug`.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex},
};

use axum::http::{HeaderMap, Method};
use jiff::Timestamp;
use rocky_cloud_tests::fake_polar::{FakePolar, KeyForm, Trouble, secret};
use rocky_sdk::{
    Airlock, Credentials,
    airlock::{BetterAuth, BetterAuthOptions},
    config::Config,
};
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

    // A session server that says back all that it was asked.
    let asked = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = BetterAuthOptions::new(format!("http://{}", asked.local_addr().unwrap()));
    std::thread::spawn(move || {
        for mut stream in asked.incoming().flatten() {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", head.len());
            stream.write_all(&[answer.as_bytes(), &head].concat()).unwrap();
        }
    });
    let cookie = format!("{}.{}%3D", "s3cr3t-t0ken-of-ada-00000000000x", "A".repeat(43));
    options.origins = vec!["https://console.test".to_owned()];
    let airlock = BetterAuth::new(options.clone()).unwrap();
    keep(&format!("{airlock:?} {options:?}"));
    for origin in ["https://console.test", "https://elsewhere.test"] {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", format!("better-auth.session_token={cookie}").parse().unwrap());
        headers.insert("origin", origin.parse().unwrap());
        headers.insert("host", "console.test".parse().unwrap());
        let credentials = Credentials::from_request(&Method::POST, &headers);
        let unresolved = airlock.resolve(&credentials).await.unwrap_err();
        keep(&format!("{credentials:?} {unresolved:?} {unresolved}"));
    }

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
        ("a session's token", &cookie[..32]),
        ("a session's cookie", &cookie),
    ] {
        assert!(!holds(&written, secret), "{what} was written");
    }
}
