//! The cloud build's tour, as `cargo xtask demo-cloud` gives it: a real BetterAuth server, a fake Polar, a console whose
//! clock is put forward, and every answer that is different from self-host's. Exit code 1 when one is not as it should be.

use std::{
    error::Error,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use jiff::SignedDuration;
use rocky_cloud_tests::{
    better_auth::{BetterAuthServer, Cookies, Person, Settings},
    clock::TestClock,
    fake_polar::{FakePolar, KeyForm, Trouble, Webhook, secret},
};
use rocky_console::{Failure, open_under};
use rocky_sdk::{Clock, config::Config, hatch};
use serde_json::{Value, json};

const WORKSPACES: &str = "/api/hearth/workspaces";
const WEBHOOKS: &str = "/webhooks/polar";
/// Longer than Polar's five seconds and a workspace's start.
const PATIENCE: Duration = Duration::from_secs(30);

type Step<T = ()> = Result<T, Box<dyn Error>>;

/// What is asked, and how often the answer was another one.
struct Tour {
    console: SocketAddr,
    polar: FakePolar,
    clock: TestClock,
    webhook_secret: String,
    wrong: u32,
}

struct Answer {
    status: u16,
    body: Value,
}

fn main() -> ExitCode {
    // With words it is the console: the driver starts it again as a workspace, and tests run an operator's commands.
    if std::env::args().nth(1).is_some() {
        return rocky_console::command_line();
    }
    match tour() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(wrong) => {
            eprintln!("{wrong} answer(s) came out otherwise than the table says");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the demo broke off: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tour() -> Step<u32> {
    let folder = tempfile::Builder::new().prefix("rocky-demo-").tempdir()?;
    let home = folder.path().join("home");
    let mut auth = BetterAuthServer::start(Settings::default());
    let polar = FakePolar::start();
    let (clock, webhook_secret) = (TestClock::stopped(), secret());
    let config = Config::from_vars(|name| {
        Some(match name {
            "ROCKY_HOME" => home.to_string_lossy().into_owned(),
            "ROCKY_AUTH" => "airlock".to_owned(),
            "ROCKY_AIRLOCK_URL" => auth.url.clone(),
            "ROCKY_BILLING" => "enabled".to_owned(),
            "ROCKY_POLAR_URL" => polar.url().to_owned(),
            "ROCKY_POLAR_TOKEN" => polar.token(),
            "ROCKY_POLAR_WEBHOOK_SECRET" => webhook_secret.clone(),
            _ => return None,
        })
    })?;
    // The console lives on the runtime's threads, so this one may wait for its answers.
    let runtime = tokio::runtime::Runtime::new()?;
    let opened = runtime.block_on(open_under(&config, clock.clone())).map_err(told)?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let console = listener.local_addr()?;
    let server = runtime.spawn(axum::serve(listener, opened.app()).into_future());
    println!("BetterAuth listens on {}, a fake Polar on {}, the console on http://{console}", auth.url, polar.url());

    let mut tour = Tour { console, polar, clock, webhook_secret, wrong: 0 };
    let admin = auth.person("admin");
    let cookies = auth.sign_in(&admin);
    tour.who(&auth, &cookies)?;
    tour.paid(&admin, &cookies)?;
    tour.lapsed(&admin, &cookies, || runtime.block_on(opened.sync_billing()).map_err(told))?;

    println!("\nNobody can say who somebody is");
    auth.kill();
    let answer = tour.send("GET", WORKSPACES, Some(&cookies), None)?;
    tour.expect("BetterAuth is gone", &answer, 503, "airlock-unavailable");

    runtime.block_on(opened.close()).map_err(told)?;
    server.abort();
    tour.journal(&home)?;
    Ok(tour.wrong)
}

/// A console's failure is no error: it is what its program ends with.
fn told(failure: Failure) -> Box<dyn Error> {
    match failure {
        Failure::Refused(why) | Failure::Failed(why) => why.into(),
    }
}

impl Tour {
    fn who(&mut self, auth: &BetterAuthServer, admin: &Cookies) -> Step {
        println!("\nWho is there");
        let blue = || Some(json!({ "slug": "blue", "tier": "solo" }));
        let nobody = self.send("POST", WORKSPACES, None, blue())?;
        self.expect("nobody provisions", &nobody, 403, "denied");
        for role in ["observer", "operator", "denied"] {
            let cookies = auth.sign_in(&auth.person(role));
            let answer = self.send("POST", WORKSPACES, Some(&cookies), blue())?;
            self.expect(&format!("somebody whose role is `{role}` provisions"), &answer, 403, "denied");
            let (status, code) = if role == "denied" { (403, "denied") } else { (200, "") };
            let answer = self.send("GET", WORKSPACES, Some(&cookies), None)?;
            self.expect(&format!("somebody whose role is `{role}` reads"), &answer, status, code);
        }
        let banned = auth.person("admin");
        let cookies = auth.sign_in(&banned);
        auth.write(&banned, &json!({ "banned": true }));
        let answer = self.send("POST", WORKSPACES, Some(&cookies), blue())?;
        self.expect("an admin who was banned in the database", &answer, 403, "denied");
        let gone = auth.person("admin");
        let cookies = auth.sign_in(&gone);
        auth.sign_out(&cookies);
        let answer = self.send("POST", WORKSPACES, Some(&cookies), blue())?;
        self.expect("an admin who has signed out", &answer, 403, "denied");
        let answer = self.send_from("https://elsewhere.example", "POST", WORKSPACES, Some(admin), blue())?;
        self.expect("the admin's browser, on a page of another site", &answer, 403, "cross-site");
        let answer = self.send("POST", WORKSPACES, Some(admin), blue())?;
        self.expect("the admin provisions blue as solo", &answer, 200, "");
        let nothing_asked = self.polar.calls().is_empty();
        self.check("Polar was asked nothing", nothing_asked);
        Ok(())
    }

    fn paid(&mut self, admin: &Person, cookies: &Cookies) -> Step {
        println!("\nWhat is paid for");
        let green = || Some(json!({ "slug": "green", "tier": "team" }));
        let answer = self.send("POST", WORKSPACES, Some(cookies), green())?;
        self.expect("provision green as team, and Polar knows no such customer", &answer, 402, "not-entitled");
        self.polar.customer(&admin.id).benefit("team");
        self.polar.forget();
        let answer = self.send("POST", WORKSPACES, Some(cookies), green())?;
        self.expect("the same, once team is paid for", &answer, 200, "");
        let asked = self.polar.forget();
        self.check(&format!("Polar was asked once: {}", asked.join(", ")), asked.len() == 1);
        let upgrade = |tour: &Tour| {
            tour.send(
                "POST",
                &format!("{WORKSPACES}/green/upgrade"),
                Some(cookies),
                Some(json!({ "tier": "business" })),
            )
        };
        let answer = upgrade(self)?;
        self.expect("upgrade it to business", &answer, 402, "not-entitled");
        self.polar.always(Trouble::Drop);
        let answer = upgrade(self)?;
        self.expect("the same while Polar is down", &answer, 503, "billing-unavailable");
        self.polar.recovers();
        self.polar.customer(&admin.id).benefit("business");
        let answer = upgrade(self)?;
        self.expect("the same, once business is paid for", &answer, 200, "");
        Ok(())
    }

    fn lapsed(&mut self, admin: &Person, cookies: &Cookies, sync: impl Fn() -> Step) -> Step {
        println!("\nWhat is not paid for any more");
        let now = self.clock.now();
        let paid_for = self.polar.customer(&admin.id).state_changed(now);
        let lapsed = self.polar.customer(&admin.id).lapses().state_changed(now);
        let forged = lapsed.send(self.console, WEBHOOKS, &secret(), KeyForm::Decoded)?;
        self.check(&format!("a webhook that somebody else signed: {forged}"), (400..500).contains(&forged));
        self.is("green", cookies, "active")?;
        self.deliver("a webhook says that it lapsed", &lapsed)?;
        self.is("green", cookies, "read_only")?;
        self.deliver("the same once more", &lapsed)?;
        self.deliver("the one before, late", &paid_for)?;
        self.is("green", cookies, "read_only")?;
        self.is("blue", cookies, "active")?;
        let (repair, green) = (format!("{WORKSPACES}/green/repair"), format!("{WORKSPACES}/green"));
        let answer = self.send("POST", &repair, Some(cookies), None)?;
        self.expect("repair it", &answer, 423, "read-only");
        let until = answer.body["until"].as_str().unwrap_or_default().to_owned();
        self.check(&format!("it says until when: {until}"), !until.is_empty());
        let answer = self.send("DELETE", &green, Some(cookies), None)?;
        self.expect("decommission it", &answer, 423, "read-only");

        let returned = self.polar.customer(&admin.id).benefit("business").state_changed(self.clock.now());
        self.deliver("a webhook says that the tier is back", &returned)?;
        self.is("green", cookies, "active")?;
        let answer = self.send("POST", &repair, Some(cookies), None)?;
        self.expect("repair it", &answer, 200, "");

        self.polar.customer(&admin.id).lapses();
        let synced = sync().is_ok();
        self.check("it lapses and no webhook comes: `billing sync` finds it", synced);
        self.is("green", cookies, "read_only")?;
        self.clock.advance(SignedDuration::from_hours(7 * 24) - SignedDuration::from_mins(1));
        let answer = self.send("DELETE", &green, Some(cookies), None)?;
        self.expect("seven days less a minute later, decommission it", &answer, 423, "read-only");
        self.clock.advance(SignedDuration::from_mins(2));
        self.polar.forget();
        let answer = self.send("DELETE", &green, Some(cookies), None)?;
        self.expect("two minutes later", &answer, 200, "");
        let nothing_asked = self.polar.calls().is_empty();
        self.check("Polar was asked nothing", nothing_asked);
        let answer = self.send("DELETE", &format!("{WORKSPACES}/blue"), Some(cookies), None)?;
        self.expect("decommission blue, which is solo", &answer, 200, "");
        Ok(())
    }

    fn journal(&mut self, home: &Path) -> Step {
        println!("\nWhat the journal says");
        for record in hatch::records(&home.join("hatch"))? {
            let record = record?;
            println!(
                "  {:<30}  {:<8}  {:<16}  {}",
                record.kind,
                record.subject.as_deref().unwrap_or("-"),
                record.role.as_deref().unwrap_or("-"),
                record.data_text("status").as_deref().unwrap_or("-"),
            );
        }
        let pending = hatch::pending(&home.join("hatch"))?;
        self.check("every action has its outcome", pending.is_empty());
        Ok(())
    }

    fn deliver(&mut self, what: &str, webhook: &Webhook) -> Step {
        let status = webhook.send(self.console, WEBHOOKS, &self.webhook_secret, KeyForm::Decoded)?;
        self.check(&format!("{what}: {status}"), (200..300).contains(&status));
        Ok(())
    }

    fn is(&mut self, slug: &str, cookies: &Cookies, state: &str) -> Step {
        let answer = self.send("GET", &format!("{WORKSPACES}/{slug}"), Some(cookies), None)?;
        let found = answer.body["state"].as_str().unwrap_or_default();
        self.check(&format!("{slug} is {found}"), found == state);
        Ok(())
    }

    fn send(&self, method: &str, path: &str, cookies: Option<&Cookies>, body: Option<Value>) -> io::Result<Answer> {
        self.send_from(&format!("http://{}", self.console), method, path, cookies, body)
    }

    /// As a browser does that shows a page of this origin.
    fn send_from(
        &self,
        origin: &str,
        method: &str,
        path: &str,
        cookies: Option<&Cookies>,
        body: Option<Value>,
    ) -> io::Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&self.console, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Of HTTP 1.0 the answer comes in one piece and ends with the connection.
        let mut head = format!("{method} {path} HTTP/1.0\r\nhost: {}\r\norigin: {origin}\r\n", self.console);
        if let Some(cookies) = cookies {
            head += &format!("cookie: {}\r\n", cookies.all);
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        if !body.is_empty() {
            head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        write!(stream, "{head}\r\n{body}")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        let (head, body) = said.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Answer { status, body: serde_json::from_str(body).unwrap_or(Value::Null) })
    }

    fn expect(&mut self, what: &str, answer: &Answer, status: u16, code: &str) {
        let got = answer.body["code"].as_str().unwrap_or_default();
        let right = answer.status == status && got == code;
        self.check(format!("{what}: {} {got}", answer.status).trim_end(), right);
        if !right {
            println!("      expected {status} {code}, and the body was {}", answer.body);
        }
    }

    fn check(&mut self, what: &str, right: bool) {
        println!("  {} {what}", if right { "ok " } else { "NOT" });
        self.wrong += u32::from(!right);
    }
}
