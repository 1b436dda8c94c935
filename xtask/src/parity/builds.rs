//! The console, built for self-host and for the cloud, each with its own `-p` and target folder: a build of the whole
//! workspace gives every crate the features that any of them asks for.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{root, suites::cargo};

pub(super) struct Build {
    name: &'static str,
    features: &'static [&'static str],
    profile: &'static str,
}

impl Build {
    pub(super) fn selfhost(profile: &'static str) -> Self {
        Build { name: "selfhost", features: &[], profile }
    }

    pub(super) fn cloud(profile: &'static str) -> Self {
        Build { name: "cloud", features: &["--features", "cloud"], profile }
    }

    /// Builds the console. What rocky itself has in the folder is built anew: nothing of an earlier build is looked at.
    pub(super) fn make(&self) -> Result<(), String> {
        let mut clean = self.within("clean");
        clean.args(["-p", "rocky-sdk", "-p", "rocky-macros", "-p", "rocky-console"]);
        let mut build = self.within("build");
        build.args(self.console());
        for command in [&mut clean, &mut build] {
            println!("$ {command:?}");
            let ended = command.current_dir(root()).stdin(Stdio::null()).status();
            match ended {
                Ok(status) if status.success() => {}
                Ok(_) => return Err(format!("the {} build was not made", self.name)),
                Err(error) => return Err(format!("cargo cannot be run: {error}")),
            }
        }
        Ok(())
    }

    /// A command of cargo that builds something with this profile, in this folder.
    pub(super) fn within(&self, command: &str) -> Command {
        let mut command = cargo(&[command, "--locked", "--profile", self.profile, "--target-dir"]);
        // Another folder would be written to.
        command.arg(self.target()).env_remove("CARGO_BUILD_TARGET");
        command
    }

    /// What cargo calls it.
    pub(super) fn console(&self) -> impl Iterator<Item = &'static str> {
        ["-p", "rocky-console"].into_iter().chain(self.features.iter().copied())
    }

    /// Where its files are.
    pub(super) fn folder(&self) -> PathBuf {
        self.target().join(self.profile)
    }

    pub(super) fn binary(&self) -> PathBuf {
        self.folder().join("rocky-console")
    }

    fn target(&self) -> PathBuf {
        root().join("target/parity").join(self.name)
    }
}
