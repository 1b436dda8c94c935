//! Door 1 of a cloud build, on a real BetterAuth server, and on servers that are none.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use axum::{body::Body, http::Request};
use http::{HeaderMap, HeaderName, Method};
use rocky_cloud_tests::better_auth::{BetterAuthServer, Cache, Cookies, Settings};
use rocky_sdk::{
    Admin, Airlock, Authenticated, Billing, Credentials, Denied, Doors, Entitled, Observer, Operator,
    airlock::{BetterAuth, BetterAuthOptions, Unresolved},
    hatch::{Journal, JournalOptions, records},
    tenant_action,
    web::DoorRouter,
};
use serde_json::json;
use tempfile::TempDir;
use tower::ServiceExt;

/// What an observer's door, an operator's and an admin's answer.
const NOBODY: [u16; 3] = [403, 403, 403];
const OBSERVER: [u16; 3] = [200, 403, 403];
const OPERATOR: [u16; 3] = [200, 200, 403];
const ADMIN: [u16; 3] = [200, 200, 200];
const UNAVAILABLE: [u16; 3] = [503, 503, 503];

const GET_SESSION: &str = "/api/auth/get-session?disableCookieCache=true&disableRefresh=true";

/// Doors in front of a server.
struct Gate {
    doors: Doors,
    home: TempDir,
}

impl Gate {
    async fn before(url: &str) -> Self {
        Gate::with(url, |_| {}).await
    }

    async fn with(url: &str, change: impl FnOnce(&mut BetterAuthOptions)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("airlock")).unwrap();
        let mut options = BetterAuthOptions::new(url);
        change(&mut options);
        let doors = Doors::builder().airlock(BetterAuth::new(options).unwrap()).hatch(journal);
        Gate { doors: doors.billing(Billing::SelfHosted).build().await.unwrap(), home }
    }

    /// How the three doors answer whoever reads with these cookies.
    async fn opens(&self, cookies: &str) -> [u16; 3] {
        let who = with(cookies);
        [
            status(self.doors.authenticate::<Observer>(&who).await),
            status(self.doors.authenticate::<Operator>(&who).await),
            status(self.doors.authenticate::<Admin>(&who).await),
        ]
    }

    /// The code with which an observer's door stays shut.
    async fn says(&self, who: &Credentials) -> String {
        self.doors.authenticate::<Observer>(who).await.unwrap_err().code().to_owned()
    }

    /// The reasons of the denials that were written.
    fn denials(&self) -> Vec<String> {
        let events = records(&self.home.path().join("hatch")).unwrap().map(Result::unwrap);
        events.filter(|event| event.kind == "auth.denied").map(|event| event.data_text("reason").unwrap()).collect()
    }
}

fn status<R>(door: Result<Authenticated<R>, Denied>) -> u16 {
    door.map_or_else(|denied| denied.status(), |_| 200)
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

fn reads(pairs: &[(&str, &str)]) -> Credentials {
    Credentials::from_request(&Method::GET, &headers(pairs))
}

fn writes(pairs: &[(&str, &str)]) -> Credentials {
    Credentials::from_request(&Method::POST, &headers(pairs))
}

/// Whoever reads with these cookies.
fn with(cookies: &str) -> Credentials {
    reads(&[("cookie", cookies)])
}

fn signed_in(server: &BetterAuthServer, roles: &str) -> Cookies {
    server.sign_in(&server.person(roles))
}

#[tokio::test]
async fn each_role_opens_what_it_may() {
    let server = BetterAuthServer::start(Settings::default());
    let gate = Gate::before(&server.url).await;
    for (roles, opened) in [
        ("admin", ADMIN),
        ("operator", OPERATOR),
        ("observer", OBSERVER),
        ("operator,observer", OPERATOR),
        ("nobody,observer", OBSERVER),
        ("observer,admin", ADMIN),
        ("nobody", NOBODY),
        ("", NOBODY),
        ("owner,superadmin", NOBODY),
        ("Admin", NOBODY),
    ] {
        let person = server.person(roles);
        let cookies = server.sign_in(&person);
        assert_eq!(gate.opens(&cookies.all).await, opened, "{roles}");
        if opened != NOBODY {
            let let_in = gate.doors.authenticate::<Observer>(&with(&cookies.all)).await.unwrap();
            assert_eq!((let_in.session().subject(), let_in.session().tenant()), (&*person.id, &*person.id));
        }
    }
    assert_eq!(gate.opens("").await, NOBODY);
    assert_eq!(gate.says(&Credentials::none()).await, "denied");
}

#[tokio::test]
async fn the_tenant_is_the_claim_that_was_configured() {
    let server = BetterAuthServer::start(Settings::default());
    let gate = Gate::with(&server.url, |options| options.tenant = "user.tenant".to_owned()).await;
    let person = server.person("observer");
    let cookies = server.sign_in(&person);
    assert_eq!(gate.opens(&cookies.all).await, NOBODY);
    server.write(&person, &json!({ "tenant": "acme" }));
    let let_in = gate.doors.authenticate::<Observer>(&with(&cookies.all)).await.unwrap();
    assert_eq!((let_in.session().subject(), let_in.session().tenant()), (&*person.id, "acme"));
}

/// Each with the cookie cache as it may be: with one, the server itself goes on believing the browser.
#[tokio::test]
async fn whoever_may_no_longer_come_in_does_not() {
    for cache in [Cache::Off, Cache::Compact, Cache::Jwt, Cache::Jwe] {
        let server = BetterAuthServer::start(Settings { cache, ..Settings::default() });
        let gate = Gate::before(&server.url).await;
        let admin = signed_in(&server, "admin");
        let stale = |cookies: &Cookies| server.believes(cookies) == (cache != Cache::Off);

        let cookies = signed_in(&server, "operator");
        assert_eq!(gate.opens(&cookies.all).await, OPERATOR);
        server.sign_out(&cookies);
        assert_eq!(gate.opens(&cookies.all).await, NOBODY, "{cache:?}: signed out");
        assert!(stale(&cookies), "{cache:?}: signed out");

        let person = server.person("operator");
        let (one, other) = (server.sign_in(&person), server.sign_in(&person));
        server.revoke(&one);
        for cookies in [&one, &other] {
            assert_eq!(gate.opens(&cookies.all).await, NOBODY, "{cache:?}: revoked");
            assert!(stale(cookies), "{cache:?}: revoked");
        }
        assert_eq!(gate.opens(&server.sign_in(&person).all).await, OPERATOR, "{cache:?}: signed in again");

        let person = server.person("operator");
        let cookies = server.sign_in(&person);
        server.ban(&admin, &person);
        assert_eq!(gate.opens(&cookies.all).await, NOBODY, "{cache:?}: banned through the API");
        assert!(stale(&cookies), "{cache:?}: banned through the API");

        let person = server.person("operator");
        let cookies = server.sign_in(&person);
        server.remove(&admin, &person);
        assert_eq!(gate.opens(&cookies.all).await, NOBODY, "{cache:?}: removed");

        let person = server.person("operator");
        let cookies = server.sign_in(&person);
        for (row, opened) in [
            (json!({ "banned": true }), NOBODY),
            (json!({ "banned": true, "banExpires": "2999-01-01T00:00:00Z" }), NOBODY),
            (json!({ "banned": true, "banExpires": "2020-01-01T00:00:00Z" }), OPERATOR),
            (json!({ "banned": "no", "banExpires": "2020-01-01T00:00:00Z" }), NOBODY),
            (json!({ "banned": null, "banExpires": null }), OPERATOR),
            (json!({ "banned": false }), OPERATOR),
        ] {
            server.write(&person, &row);
            assert_eq!(gate.opens(&cookies.all).await, opened, "{cache:?}: {row} in the database");
            assert!(server.believes(&cookies), "{cache:?}: the server does not look at {row}");
        }

        for (roles, opened) in [("observer", OBSERVER), ("nobody", NOBODY), ("admin", ADMIN), ("operator", OPERATOR)] {
            server.write(&person, &json!({ "role": roles }));
            assert_eq!(gate.opens(&cookies.all).await, opened, "{cache:?}: now {roles}");
        }

        server.expire(&person);
        assert_eq!(gate.opens(&cookies.all).await, NOBODY, "{cache:?}: expired");
        assert!(stale(&cookies), "{cache:?}: expired");
        assert_eq!(gate.opens(&admin.all).await, ADMIN, "{cache:?}: somebody else");
    }
}

#[tokio::test]
async fn an_admin_who_acts_as_somebody_else_is_nobody() {
    let server = BetterAuthServer::start(Settings::default());
    let gate = Gate::before(&server.url).await;
    let person = server.person("operator");
    let acting = server.impersonate(&signed_in(&server, "admin"), &person);
    assert!(server.believes(&acting));
    assert_eq!(gate.opens(&acting.all).await, NOBODY);
    assert_eq!(gate.opens(&server.sign_in(&person).all).await, OPERATOR);
}

#[tokio::test]
async fn a_cookie_that_the_server_did_not_set_opens_nothing() {
    let server = BetterAuthServer::start(Settings::default());
    let gate = Gate::before(&server.url).await;
    let (mine, theirs) = (signed_in(&server, "admin").session, signed_in(&server, "observer").session);
    let parts = |cookie: &str| {
        let (name, value) = cookie.split_once('=').unwrap();
        let (token, signature) = value.split_once('.').unwrap();
        (name.to_owned(), token.to_owned(), signature.to_owned())
    };
    let ((name, token, signature), (_, their_token, their_signature)) = (parts(&mine), parts(&theirs));
    let other = |text: &str| {
        let first = if text.starts_with('A') { "B" } else { "A" };
        format!("{first}{}", &text[1..])
    };
    let decoded = signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    let decoded = format!("{name}={token}.{decoded}");
    assert_eq!(gate.opens(&decoded).await, ADMIN, "the server takes it unencoded, too");
    let half = mine.len() / 2;
    let cookies = [
        format!("{name}={}.{signature}", other(&token)),
        format!("{name}={token}.{}", other(&signature)),
        format!("{name}={token}.{signature}x"),
        format!("{name}={token}.{their_signature}"),
        format!("{name}={their_token}.{signature}"),
        format!("{name}={signature}.{token}"),
        format!("{name}={token}"),
        format!("{name}={token}."),
        format!("{name}=.{signature}"),
        format!("{name}="),
        format!("{name}=null"),
        mine[..mine.len() - 4].to_owned(),
        mine[..half].to_owned(),
        format!("{mine}{}", "x".repeat(8192 - mine.len())),
        format!("{name}={}", "x".repeat(8192)),
        format!("{name}={}", "x".repeat(4096)),
        format!("{name}=\"{token}.{signature}\""),
        format!("{mine}; {theirs}"),
        format!("{mine}; {mine}"),
        format!("__Secure-{mine}"),
        mine.replacen("better-auth", "other-auth", 1),
        mine.to_uppercase(),
        mine.replace('=', ":"),
    ];
    for cookie in &cookies {
        assert_eq!(gate.opens(cookie).await, NOBODY, "{cookie}");
    }
    let two = reads(&[("cookie", mine.as_str()), ("cookie", theirs.as_str())]);
    assert_eq!(gate.says(&two).await, "denied");
    assert_eq!(gate.opens(&mine).await, ADMIN);
}

#[tokio::test]
async fn the_cookie_goes_by_the_name_that_the_server_gave_it() {
    for (settings, name) in [
        (Settings { secure: true, ..Settings::default() }, "better-auth.session_token"),
        (Settings { prefix: "acme", ..Settings::default() }, "acme.session_token"),
        (Settings { secure: true, prefix: "acme", ..Settings::default() }, "acme.session_token"),
    ] {
        let server = BetterAuthServer::start(settings);
        let secure = if settings.secure { "__Secure-" } else { "" };
        assert_eq!(server.cookie, format!("{secure}{name}"));
        let gate = Gate::with(&server.url, |options| options.cookie = name.to_owned()).await;
        let cookies = signed_in(&server, "operator");
        assert_eq!(gate.opens(&cookies.all).await, OPERATOR, "{settings:?}");
        if settings.secure {
            let plain = cookies.session.trim_start_matches("__Secure-");
            assert_eq!(gate.opens(plain).await, NOBODY, "{settings:?}");
            let both = format!("{name}=set-by-another-page; {}", cookies.session);
            assert_eq!(gate.opens(&both).await, OPERATOR, "{settings:?}");
        }
        let other = Gate::with(&server.url, |options| options.cookie = "other.session_token".to_owned()).await;
        assert_eq!(other.opens(&cookies.all).await, NOBODY, "{settings:?}");
    }
}

#[tokio::test]
async fn the_server_gets_the_session_cookie_and_nothing_else_each_time_on_one_connection() {
    let server = BetterAuthServer::start(Settings { cache: Cache::Compact, ..Settings::default() });
    let gate = Gate::before(&server.url).await;
    let cookies = signed_in(&server, "observer");
    let many = [
        ("user-agent", "browser"),
        ("cookie", "theme=dark"),
        ("x-forwarded-for", "203.0.113.7"),
        ("cookie", cookies.all.as_str()),
        ("authorization", "Bearer something"),
        ("accept-language", "en"),
        ("origin", "https://app.example"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    server.asked();
    for _ in 0..10 {
        assert_eq!(status(gate.doors.authenticate::<Observer>(&reads(&many)).await), 200);
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 10);
    let host = server.url.trim_start_matches("http://");
    for request in &asked {
        assert_eq!(request.what, format!("GET {GET_SESSION}"));
        assert_eq!(request.connection, asked[0].connection);
        let mut headers = request.headers.clone();
        headers.sort_unstable();
        let expected = [("accept", "application/json"), ("cookie", cookies.session.as_str()), ("host", host)];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

#[tokio::test]
async fn a_bearer_token_opens_nothing_and_nobody_is_asked_about_it() {
    let server = BetterAuthServer::start(Settings::default());
    let gate = Gate::before(&server.url).await;
    let cookies = signed_in(&server, "admin");
    let (_, signed) = cookies.session.split_once('=').unwrap();
    let (token, _) = signed.split_once('.').unwrap();
    server.asked();
    for token in [signed, token, ""] {
        assert_eq!(gate.says(&Credentials::bearer(token)).await, "denied");
        assert_eq!(gate.says(&reads(&[("authorization", format!("Bearer {token}").as_str())])).await, "denied");
    }
    // Nor does a cookie that came where nobody looked at the method.
    assert_eq!(gate.says(&Credentials::from_headers(&headers(&[("cookie", cookies.all.as_str())]))).await, "denied");
    assert!(server.asked().is_empty());
    assert_eq!(gate.opens(&cookies.all).await, ADMIN);
}

#[tokio::test]
async fn a_server_that_is_away_or_slow_has_decided_about_nobody() {
    let mut server = BetterAuthServer::start(Settings::default());
    let cookies = signed_in(&server, "admin");
    let gate = Gate::with(&server.url, |options| options.time_out = Duration::from_millis(300)).await;
    assert_eq!(gate.opens(&cookies.all).await, ADMIN);

    server.pause();
    let began = Instant::now();
    assert_eq!(gate.says(&with(&cookies.all)).await, "airlock-unavailable");
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    assert_eq!(gate.opens(&cookies.all).await, UNAVAILABLE);
    assert_eq!(gate.says(&reads(&[])).await, "denied", "who shows nothing needs no server to be nobody");
    server.go_on();
    let until = Instant::now() + Duration::from_secs(10);
    while gate.opens(&cookies.all).await != ADMIN {
        assert!(Instant::now() < until, "it answers again, and nobody comes in");
    }

    // The doors have a limit of their own, of 2 s.
    let patient = Gate::with(&server.url, |options| options.time_out = Duration::from_secs(600)).await;
    server.pause();
    let began = Instant::now();
    assert_eq!(patient.says(&with(&cookies.all)).await, "airlock-unavailable");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    server.kill();
    assert_eq!(gate.opens(&cookies.all).await, UNAVAILABLE);
    assert_eq!(gate.denials(), ["no cookie"], "of whom nobody could be asked about, nothing is written");
}

#[tokio::test]
async fn a_server_that_was_asked_too_often_has_decided_about_nobody() {
    let server = BetterAuthServer::start(Settings { rate_limit: 3, ..Settings::default() });
    let gate = Gate::before(&server.url).await;
    let cookies = signed_in(&server, "admin");
    assert_eq!(gate.opens(&cookies.all).await, ADMIN);
    assert_eq!(gate.opens(&cookies.all).await, UNAVAILABLE);
    assert!(gate.denials().is_empty());
}

/// Answers every request with these bytes, again and again where it has no end.
struct Odd {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Odd {
    fn answering(bytes: &str, endless: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (bytes, heads) = (bytes.to_owned(), Arc::<Mutex<Vec<String>>>::default());
        let heard = Arc::clone(&heads);
        // It is there as long as the tests are.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (bytes, heard) = (bytes.clone(), Arc::clone(&heard));
                thread::spawn(move || Odd::answer(stream.unwrap(), &bytes, endless, &heard));
            }
        });
        Odd { url, heads }
    }

    /// Whoever asks may hang up at any time: there is nobody to tell.
    fn answer(mut stream: TcpStream, bytes: &str, endless: bool, heads: &Mutex<Vec<String>>) -> Option<()> {
        let (mut head, mut byte) = (String::new(), [0]);
        while !head.ends_with("\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.push(char::from(byte[0]));
        }
        heads.lock().unwrap().push(head);
        stream.write_all(bytes.as_bytes()).ok()?;
        if endless {
            loop {
                stream.write_all(&[b' '; 8192]).ok()?;
            }
        }
        Some(())
    }
}

fn answer(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// What BetterAuth would say of an admin.
fn session() -> String {
    let session = json!({ "userId": "u1", "expiresAt": "2999-01-01T00:00:00.000Z" });
    json!({ "session": session, "user": { "id": "u1", "role": "admin", "banned": false } }).to_string()
}

#[tokio::test]
async fn a_server_that_answers_oddly_has_decided_about_nobody() {
    let (json, good) = ("application/json", session());
    let elsewhere = Odd::answering(&answer("200 OK", json, &good), false);
    let open = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let odd = [
        answer("200 OK", "text/html", "<html><body>welcome</body></html>"),
        answer("200 OK", json, ""),
        answer("200 OK", json, &good[..good.len() - 1]),
        answer("200 OK", json, &format!("{good}{good}")),
        answer("200 OK", json, &format!("{good}{}", " ".repeat(64 * 1024))),
        answer("201 Created", json, &good),
        answer("204 No Content", json, ""),
        answer("206 Partial Content", json, &good),
        answer("304 Not Modified", json, ""),
        answer("401 Unauthorized", json, "null"),
        answer("403 Forbidden", json, &good),
        answer("404 Not Found", json, "null"),
        answer("429 Too Many Requests", json, &good),
        answer("500 Internal Server Error", json, &good),
        answer("503 Service Unavailable", "text/html", "<html></html>"),
        format!("HTTP/1.1 302 Found\r\nlocation: {}{GET_SESSION}\r\ncontent-length: 0\r\n\r\n", elsewhere.url),
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url),
        // It promises more than it gives.
        format!("{open}content-length: 9999\r\n\r\n{good}"),
        format!("{open}transfer-encoding: chunked\r\n\r\nffff\r\n{good}"),
        format!("{open}content-length: 18446744073709551615\r\n\r\n{good}"),
        format!("{open}content-length: 1\r\ncontent-length: {}\r\n\r\n{good}", good.len()),
        "HTTP/1.1 200 OK\r\n".to_owned(),
        "HTTP/0.9 hello\r\n\r\n".to_owned(),
        "\0\u{1}\u{2}\u{3}".to_owned(),
        String::new(),
        good.clone(),
    ];
    for bytes in odd {
        let server = Odd::answering(&bytes, false);
        let gate = Gate::before(&server.url).await;
        assert_eq!(gate.opens("better-auth.session_token=a.b").await, UNAVAILABLE, "{bytes}");
        assert!(gate.denials().is_empty(), "{bytes}");
        assert!(!server.heads.lock().unwrap().is_empty(), "{bytes}");
    }
    assert!(elsewhere.heads.lock().unwrap().is_empty(), "a redirect was followed");
    // The control: the same session, said as it should be.
    let gate = Gate::before(&elsewhere.url).await;
    assert_eq!(gate.opens("better-auth.session_token=a.b").await, ADMIN);
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_waited_for() {
    let open = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let endless = [format!("{open}\r\n{}", session()), format!("{open}x-more: "), "HTTP/1.1 200 ".to_owned()];
    for bytes in endless {
        let server = Odd::answering(&bytes, true);
        let gate = Gate::before(&server.url).await;
        let began = Instant::now();
        assert_eq!(gate.says(&with("better-auth.session_token=a.b")).await, "airlock-unavailable");
        assert!(began.elapsed() < Duration::from_secs(5), "{bytes}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn json_that_is_no_session_is_nobodys() {
    let good = session();
    for body in [
        "null".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        r#"{"message":"Unauthorized","code":"UNAUTHORIZED"}"#.to_owned(),
        good.replace("admin", "superadmin"),
        good.replace("2999", "1999"),
        good.replace("2999-01-01", "some day"),
        good.replace("\"u1\"", "\"\""),
        good.replace("\"userId\":\"u1\"", "\"userId\":\"u2\""),
        good.replace("\"banned\":false", "\"banned\":true"),
        good.replace("\"banned\":false", "\"banned\":1"),
    ] {
        assert_ne!(body, good);
        let server = Odd::answering(&answer("200 OK", "application/json", &body), false);
        let gate = Gate::before(&server.url).await;
        assert_eq!(gate.opens("better-auth.session_token=a.b").await, NOBODY, "{body}");
        assert_eq!(gate.denials().len(), 3, "{body}");
    }
}

#[tokio::test]
async fn a_write_with_a_cookie_comes_from_here_or_is_refused() {
    let server = BetterAuthServer::start(Settings::default());
    let listed = "https://app.example";
    let gate = Gate::with(&server.url, |options| options.origins = vec![listed.to_owned()]).await;
    let cookies = signed_in(&server, "admin").all;
    let (cookie, host) = (("cookie", cookies.as_str()), ("host", "api.example"));
    let ours = ("origin", "https://api.example");
    let site = |site| ("sec-fetch-site", site);
    for from_here in [
        &[cookie, host, ours][..],
        &[cookie, host, ours, site("same-origin")],
        &[cookie, host, ("origin", listed)],
        &[cookie, host, ("origin", listed), site("same-site")],
    ] {
        assert_eq!(status(gate.doors.authenticate::<Admin>(&writes(from_here)).await), 200, "{from_here:?}");
    }
    server.asked();
    let elsewhere = [
        &[cookie, host][..],
        &[cookie, host, site("same-origin")],
        &[cookie, ours],
        &[cookie, host, ("origin", "null")],
        &[cookie, host, ("origin", "https://evil.example")],
        &[cookie, host, ("origin", "https://evil.example"), site("same-origin")],
        &[cookie, host, ours, ours],
        &[cookie, host, ours, site("same-site")],
        &[cookie, host, ours, site("cross-site")],
        &[cookie, host, ours, site("none")],
        &[cookie, host, ours, site("same-origin"), site("cross-site")],
        &[cookie, host, ("origin", listed), site("cross-site")],
        &[cookie, host, ("origin", "http://app.example")],
    ];
    for request in elsewhere {
        let denied = gate.doors.authenticate::<Admin>(&writes(request)).await.unwrap_err();
        assert_eq!((denied.status(), denied.code()), (403, "cross-site"), "{request:?}");
        // To read, a cookie is enough.
        let read = Credentials::from_request(&Method::HEAD, &headers(request));
        assert_eq!(status(gate.doors.authenticate::<Admin>(&read).await), 200, "{request:?}");
    }
    assert_eq!(server.asked().len(), elsewhere.len(), "of a write from elsewhere the server hears nothing");
    assert_eq!(gate.denials(), vec!["a write from another site"; elsewhere.len()]);
    // Who shows no session cookie is nobody, from wherever.
    assert_eq!(gate.says(&writes(&[host, ("origin", "https://evil.example")])).await, "denied");
    assert_eq!(gate.says(&writes(&[host, ("cookie", "theme=dark")])).await, "denied");

    let airlock = BetterAuth::new(BetterAuthOptions::new(&server.url)).unwrap();
    let refused = airlock.resolve(&writes(&[cookie, host])).await;
    assert!(matches!(refused, Err(Unresolved::CrossSite)), "{refused:?}");
}

#[tenant_action(
    role = operator,
    started = "bell.ring_started",
    succeeded = "bell.rung",
    failed = "bell.failed"
)]
struct Ring {}

#[tenant_action]
async fn ring(token: &Entitled<Ring>) -> Result<String, std::convert::Infallible> {
    Ok(format!("for {}", token.session().tenant()))
}

async fn look(who: Authenticated<Observer>) -> String {
    who.session().subject().to_owned()
}

#[tokio::test]
async fn a_router_takes_the_cookie_and_looks_where_a_write_is_from() {
    let server = BetterAuthServer::start(Settings::default());
    let gate = Gate::before(&server.url).await;
    let app = DoorRouter::new(gate.doors.clone()).post("/ring", ring).get("/", look).with_state(());
    let cookies = signed_in(&server, "operator").all;
    for (method, path, origin, status) in [
        ("GET", "/", None, 200),
        ("GET", "/", Some("https://evil.example"), 200),
        ("POST", "/ring", Some("https://api.example"), 200),
        ("POST", "/ring", Some("https://evil.example"), 403),
        ("POST", "/ring", None, 403),
    ] {
        let request = Request::builder().method(method).uri(path).header("host", "api.example");
        let request = request.header("cookie", &cookies).header("content-type", "application/json");
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        let answered = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answered.status(), status, "{method} {path} from {origin:?}");
    }
    let events = records(&gate.home.path().join("hatch")).unwrap().map(|event| event.unwrap().kind);
    let events: Vec<_> = events.filter(|kind| kind != "segment.opened").collect();
    assert_eq!(events, ["bell.ring_started", "bell.rung", "auth.denied", "auth.denied"]);
}
