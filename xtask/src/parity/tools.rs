//! Programs of others that the checks need: cargo installs them into the project's own folder.

use std::{path::PathBuf, process::Command};

use crate::{
    root,
    suites::cargo,
    test::{Outcome, Run},
};

pub(super) struct Tool {
    name: &'static str,
    version: &'static str,
}

pub(super) const CARGO_HACK: Tool = Tool { name: "cargo-hack", version: "0.6.46" };
pub(super) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

impl Tool {
    /// Where it is; or how a suite ends without it.
    pub(super) fn ready(&self, run: &Run) -> Result<PathBuf, Outcome> {
        let Tool { name, version } = self;
        if !self.program().is_file() {
            if !run.install {
                return Err(Outcome::LeftOut(format!(
                    "there is no {name}: `cargo xtask parity --install` puts {version} into target/tools"
                )));
            }
            if let Outcome::Failed(why) | Outcome::LeftOut(why) = run.command(&mut self.installing()) {
                return Err(Outcome::Failed(format!("{name} could not be installed: {why}")));
            }
        }
        Ok(self.program())
    }

    pub(super) fn program(&self) -> PathBuf {
        root().join("target/tools/bin").join(self.name)
    }

    pub(super) fn installing(&self) -> Command {
        let what = format!("{}@{}", self.name, self.version);
        // It has little to do here, and its release build takes long.
        let mut install = cargo(&["install", "--locked", "--quiet", "--debug", &what, "--root"]);
        install.arg(root().join("target/tools"));
        install
    }
}
