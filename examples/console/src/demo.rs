//! `demo`: a console of its own in a temporary home, and every answer of it over real HTTP.

use std::{
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use rocky_sdk::hatch::{self, Record};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{
    Ended, Failure,
    http::{Answer, send},
};

const WORKSPACES: &str = "/api/hearth/workspaces";

/// A console that runs as a child.
struct Console {
    child: Child,
    _output: Lines<BufReader<ChildStdout>>,
    address: String,
    home: PathBuf,
    token: String,
    wrong: u32,
}

type Step<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) async fn run() -> Ended {
    let folder = tempfile::Builder::new().prefix("rocky-demo-").tempdir()?;
    let shown = async {
        let mut console = Console::start(&folder.path().join("home")).await?;
        let shown = console.show().await;
        let stopped = console.stop().await;
        shown?;
        stopped?;
        Step::Ok(console.wrong)
    };
    let interrupted = async {
        // Without a signal handler nobody interrupts; with one, the folder is taken away, and its workspaces end with it.
        match tokio::signal::ctrl_c().await {
            Ok(()) => Err("interrupted".into()),
            Err(_) => std::future::pending().await,
        }
    };
    let shown = tokio::select! {
        shown = shown => shown,
        interrupted = interrupted => interrupted,
    };
    match shown {
        Ok(0) => {
            println!("\nEvery answer came out as the table says.");
            Ok(ExitCode::SUCCESS)
        }
        Ok(wrong) => Err(Failure::Failed(format!("{wrong} answer(s) came out otherwise than the table says"))),
        Err(error) => Err(Failure::Failed(format!("the demo broke off: {error}"))),
    }
}

impl Console {
    async fn start(home: &Path) -> Step<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--home"])
            .arg(home)
            .env("ROCKY_LOG", "off")
            // Said out loud: a cloud build has no defaults.
            .envs([("ROCKY_AUTH", "local"), ("ROCKY_BILLING", "disabled")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or("the console has no output")?;
        let mut output = BufReader::new(output).lines();
        let line = tokio::time::timeout(Duration::from_secs(30), output.next_line()).await??;
        let line = line.ok_or("the console ended before it listened: run `rocky-console serve` to see why")?;
        let address = line.strip_prefix("listening on http://").ok_or("the console printed something else")?.to_owned();
        let token = std::fs::read_to_string(home.join("token"))?.trim().to_owned();
        println!("a console listens on http://{address}, its home is {}\n", home.display());
        Ok(Console { child, _output: output, address, home: home.to_owned(), token, wrong: 0 })
    }

    async fn show(&mut self) -> Step {
        println!("The life of a workspace");
        let made = self.admin("POST", WORKSPACES, Some(json!({"slug": "acme", "tier": "solo"}))).await?;
        self.expect("provision acme as solo", &made, 200, "");
        let url = made.json()["url"].as_str().unwrap_or_default().to_owned();
        let page = self.page(&url).await;
        self.check(
            &format!("its page at {url} says so"),
            page.is_some_and(|page| page.contains("acme") && page.contains("solo")),
        );
        let upgraded = self.admin("POST", &format!("{WORKSPACES}/acme/upgrade"), Some(json!({"tier": "team"}))).await?;
        self.expect("upgrade it to team", &upgraded, 200, "");
        let page = self.page(&url).await;
        self.check("its page says so", page.is_some_and(|page| page.contains("team")));
        let gone = self.admin("DELETE", &format!("{WORKSPACES}/acme"), None).await?;
        self.expect("decommission it", &gone, 200, "");
        let page = self.page(&url).await;
        self.check("its page is gone", page.is_none());

        println!("\nWhat the journal says");
        self.table()?;
        self.refusals().await
    }

    async fn refusals(&mut self) -> Step {
        println!("\nThe refusals");
        let body = || Some(json!({"slug": "globex", "tier": "solo"}));
        let denied = self.denials()?;
        let nobody = send(&self.address, "POST", WORKSPACES, None, body()).await?;
        self.expect("no token", &nobody, 403, "denied");
        let stranger = send(&self.address, "POST", WORKSPACES, Some("rocky_wrong"), body()).await?;
        self.expect("a wrong token", &stranger, 403, "denied");
        let recorded = self.denials()? == denied + 2;
        self.check("each left an auth.denied", recorded);

        let identity = self.home.join("identity.json");
        let admin = std::fs::read_to_string(&identity)?;
        std::fs::write(&identity, admin.replace("\"admin\"", "\"observer\""))?;
        let observer = self.admin("POST", WORKSPACES, body()).await?;
        std::fs::write(&identity, admin)?;
        self.expect("an observer who provisions", &observer, 403, "denied");

        let (here, away) = (self.home.join("hatch"), self.home.join("hatch-moved-away"));
        std::fs::rename(&here, &away)?;
        let undurable = self.admin("POST", WORKSPACES, body()).await;
        let made = self.home.join("workspaces/globex").exists();
        std::fs::rename(&away, &here)?;
        self.expect("the journal's folder moved away", &undurable?, 503, "hatch-unavailable");
        let known = self.admin("GET", &format!("{WORKSPACES}/globex"), None).await?;
        self.check("the driver was not called: no process, no folder, no row", !made && known.status == 404);

        let first = self.admin("POST", WORKSPACES, body()).await?;
        self.expect("the folder moved back: provision globex", &first, 200, "");
        let taken = self.admin("POST", WORKSPACES, body()).await?;
        self.expect("a slug that is taken", &taken, 409, "slug-taken");
        let last = self.journal()?.pop();
        let recorded = last
            .is_some_and(|last| last.kind == "hearth.failed" && last.data_text("status").as_deref() == Some("refused"));
        self.check("it left a hearth.failed", recorded);
        let gone = self.admin("DELETE", &format!("{WORKSPACES}/globex"), None).await?;
        self.expect("decommission globex", &gone, 200, "");
        let pending = hatch::pending(&self.home.join("hatch"))?;
        self.check("every action has its outcome", pending.is_empty());
        Ok(())
    }

    async fn stop(&mut self) -> Step {
        let pid =
            self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).ok_or("the console ended by itself")?;
        kill_process(pid, Signal::TERM)?;
        let ended = tokio::time::timeout(Duration::from_secs(40), self.child.wait()).await??;
        self.check("SIGTERM: it drains and exits with 0", ended.success());
        Ok(())
    }

    async fn admin(&self, method: &str, path: &str, body: Option<serde_json::Value>) -> Step<Answer> {
        send(&self.address, method, path, Some(&self.token), body).await
    }

    async fn page(&self, url: &str) -> Option<String> {
        let address = url.strip_prefix("http://")?.strip_suffix('/')?;
        let page = send(address, "GET", "/", None, None).await.ok()?;
        (page.status == 200).then_some(page.text)
    }

    fn journal(&self) -> Step<Vec<Record>> {
        Ok(hatch::records(&self.home.join("hatch"))?.collect::<Result<_, _>>()?)
    }

    fn denials(&self) -> Step<usize> {
        Ok(self.journal()?.iter().filter(|record| record.kind == "auth.denied").count())
    }

    fn table(&self) -> Step {
        println!("  {:>3}  {:<15}  {:<30}  {:<8}  {:<10}  hash", "seq", "time", "event", "subject", "status");
        for record in self.journal()? {
            println!(
                "  {:>3}  {:<15}  {:<30}  {:<8}  {:<10}  {}…",
                record.sequence.trim_start_matches('0'),
                record.time.get(11..26).unwrap_or_default(),
                record.kind,
                record.subject.as_deref().unwrap_or("-"),
                record.data_text("status").as_deref().unwrap_or("-"),
                record.hash.get(..12).unwrap_or_default(),
            );
        }
        Ok(())
    }

    fn expect(&mut self, what: &str, answer: &Answer, status: u16, code: &str) {
        let right = answer.status == status && (code.is_empty() || answer.code() == code);
        let got = format!("{} {}", answer.status, answer.code());
        self.check(&format!("{what}: {}", got.trim()), right);
        if !right {
            println!("      expected {status} {code}, and the body was {}", answer.text.trim());
        }
    }

    fn check(&mut self, what: &str, right: bool) {
        println!("  {} {what}", if right { "ok " } else { "NOT" });
        self.wrong += u32::from(!right);
    }
}
