//! Licences, sources and bans of both builds' crates; and what is known against them.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::tools::CARGO_DENY;
use crate::{
    root,
    test::{Outcome, Run},
    tree::Tree,
};

const SELFHOST: &str = "deny.toml";
const CLOUD: &str = "deny.cloud.toml";
const CLOUD_FEATURES: &[&str] = &["--features", "cloud"];
/// What the crates themselves say.
const CHECKS: &[&str] = &["bans", "licenses", "sources"];

/// As a suite.
pub(crate) fn crates(run: &Run) -> Outcome {
    let program = match CARGO_DENY.ready(run) {
        Ok(program) => program,
        Err(outcome) => return outcome,
    };
    let tree = match without_the_contaminator() {
        Ok(tree) => tree,
        Err(why) => return Outcome::Failed(why),
    };
    let selfhost = asking(&program, tree.root(), SELFHOST, &[], CHECKS);
    let cloud = asking(&program, tree.root(), CLOUD, CLOUD_FEATURES, CHECKS);
    match run.commands(&mut [selfhost, cloud]) {
        Outcome::Passed => control(asking(&program, tree.root(), SELFHOST, CLOUD_FEATURES, CHECKS)),
        other => other,
    }
}

/// cargo says which features a crate has in the whole workspace: a copy has no member that gives the console others.
fn without_the_contaminator() -> Result<Tree, String> {
    let tree = Tree::copy(&root().join("target/parity/deny"), |file| !file.starts_with("examples/cloud-tests/"))?;
    tree.change("Cargo.toml", "    \"examples/cloud-tests\",\n", "")?;
    Ok(tree)
}

/// What is known against the crates of the cloud build, which are those of the self-host build and more.
pub(crate) fn advisories() -> Result<bool, String> {
    if !CARGO_DENY.program().is_file() && !succeeds(CARGO_DENY.installing())? {
        return Err("cargo-deny could not be installed".to_owned());
    }
    succeeds(asking(&CARGO_DENY.program(), &root(), CLOUD, CLOUD_FEATURES, &["advisories"]))
}

/// What self-host may not have is found where it is.
fn control(mut asking: Command) -> Outcome {
    println!("$ {asking:?}, which has to fail");
    match asking.current_dir(root()).stdin(Stdio::null()).output() {
        Ok(output) => judged(output.status.success(), &String::from_utf8_lossy(&output.stderr)),
        Err(error) => Outcome::Failed(format!("cargo-deny cannot be run: {error}")),
    }
}

fn judged(passed: bool, said: &str) -> Outcome {
    let is_banned = |name: &str| said.contains(&format!("crate '{name} = ")) && said.contains("is explicitly banned");
    match !passed && is_banned("reqwest") && is_banned("rustls") {
        true => Outcome::Passed,
        false => Outcome::Failed(format!("{SELFHOST} does not refuse the cloud build as it should: {said}")),
    }
}

fn asking(program: &Path, tree: &Path, config: &str, features: &[&str], checks: &[&str]) -> Command {
    let mut asking = Command::new(program);
    asking.args(["deny", "--color", "never", "--exclude-dev"]);
    asking.arg("--manifest-path").arg(tree.join("examples/console/Cargo.toml")).arg("--config").arg(tree.join(config));
    asking.args(features).arg("check").args(checks);
    asking
}

fn succeeds(mut command: Command) -> Result<bool, String> {
    println!("$ {command:?}");
    let ended = command.current_dir(root()).stdin(Stdio::null()).status();
    ended.map(|status| status.success()).map_err(|error| format!("this cannot be run ({error}): {command:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_ban_is_a_refusal() {
        let said = "error[banned]: crate 'reqwest = 0.13.5' is explicitly banned\n  ┌─ deny.toml:1:1\n\
                    error[banned]: crate 'rustls = 0.23.46' is explicitly banned\n";
        assert!(matches!(judged(false, said), Outcome::Passed));
        assert!(matches!(judged(true, said), Outcome::Failed(_)));
        assert!(matches!(judged(false, &said.replace("'rustls", "'tokio-rustls")), Outcome::Failed(_)));
        assert!(matches!(judged(false, "error[rejected]: failed to satisfy license requirements"), Outcome::Failed(_)));
    }
}
