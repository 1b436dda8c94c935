//! What cargo says of the crates of a build.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Seen, builds::Build};
use crate::{root, suites::cargo};

/// What no self-host build may bring along. deny.toml bans the same.
const BANNED: [&str; 14] = [
    "rustls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "boring",
    "ring",
    "aws-lc-rs",
    "aws-lc-sys",
    "s2n-tls",
    "tokio-rustls",
    "tokio-native-tls",
    "hyper-rustls",
    "reqwest",
    "ureq",
];
/// Those of them that the cloud build is known to have.
const CONTROL: [&str; 3] = ["reqwest", "hyper-rustls", "rustls"];
const SDK: &str = "rocky-sdk";

pub(super) fn absent(selfhost: &Build) -> Seen {
    if above(selfhost, SDK)?.is_none_or(|above| above != ["rocky-console"]) {
        return Err("the graph is not read as it should be: the console is not above the SDK".to_owned());
    }
    let own = own()?;
    let mut found: Vec<&str> = Vec::new();
    for name in BANNED {
        if above(selfhost, name)?.is_some() {
            found.push(name);
        }
    }
    for name in &own {
        if is_used_by_the_sdk(selfhost, name)? {
            found.push(name);
        }
    }
    match found[..] {
        [] => Ok(format!("none of {}", BANNED.len() + own.len())),
        _ => Err(format!("it has {}", found.join(", "))),
    }
}

pub(super) fn control(cloud: &Build) -> Seen {
    let own = own()?;
    let mut missed: Vec<&str> = Vec::new();
    for name in CONTROL {
        if above(cloud, name)?.is_none() {
            missed.push(name);
        }
    }
    for name in &own {
        if !is_used_by_the_sdk(cloud, name)? {
            missed.push(name);
        }
    }
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    match missed[..] {
        [] => Ok([&own[..], &CONTROL].concat().join(", ")),
        _ => Err(format!("{} not found", missed.join(", "))),
    }
}

/// The crates that the feature `polar` brings and no other feature of the SDK does.
fn own() -> Result<Vec<String>, String> {
    let mut metadata = cargo(&["metadata", "--no-deps", "--format-version", "1", "--locked"]);
    let (said, errors) = said(&mut metadata)?;
    let metadata: Value = serde_json::from_str(&said).map_err(|_| format!("cargo metadata says: {errors}"))?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let own = packages.iter().find(|package| package["name"] == SDK).map(|sdk| only_polars(&sdk["features"]));
    own.filter(|own| !own.is_empty()).ok_or_else(|| "the feature `polar` has no crate of its own".to_owned())
}

fn only_polars(features: &Value) -> Vec<String> {
    let Some(features) = features.as_object() else { return Vec::new() };
    let crates = |feature: &Value| -> Vec<String> {
        let words = feature.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str);
        words.filter_map(|word| word.strip_prefix("dep:")).map(str::to_owned).collect()
    };
    let others: Vec<String> =
        features.iter().filter(|(name, _)| *name != "polar").flat_map(|(_, feature)| crates(feature)).collect();
    let polars = features.get("polar").map(crates).unwrap_or_default();
    polars.into_iter().filter(|name| !others.contains(name)).collect()
}

/// Another crate may bring it too: that is not Polar's.
fn is_used_by_the_sdk(build: &Build, name: &str) -> Result<bool, String> {
    Ok(above(build, name)?.is_some_and(|above| above.iter().any(|name| name == SDK)))
}

/// The crates that use this one directly, on any platform; `None` where the build has no such crate.
fn above(build: &Build, spec: &str) -> Result<Option<Vec<String>>, String> {
    let mut tree = cargo(&["tree", "--locked", "-e", "no-dev", "--target", "all", "--prefix", "none", "--depth", "1"]);
    let (said, errors) = said(tree.args(build.console()).args(["-i", spec]))?;
    match Answer::of(&said, &errors) {
        Some(Answer::Absent) => Ok(None),
        Some(Answer::There(above)) => Ok(Some(above)),
        Some(Answer::Several(specs)) => {
            let mut all: Option<Vec<String>> = None;
            for spec in specs.iter().filter(|one| *one != spec) {
                if let Some(found) = above(build, spec)? {
                    all.get_or_insert_default().extend(found);
                }
            }
            Ok(all)
        }
        None => Err(format!("cargo tree says neither that {spec} is there nor that it is not: {errors}")),
    }
}

/// What `cargo tree -i` said of a crate.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// In so many words: an exit code may say anything.
    Absent,
    /// With what uses it.
    There(Vec<String>),
    /// There are several versions, each to be asked for by itself.
    Several(Vec<String>),
}

impl Answer {
    fn of(said: &str, errors: &str) -> Option<Self> {
        let absent = ["did not match any packages", "nothing to print"];
        let mut lines = said.lines().filter(|line| !line.is_empty());
        match lines.next() {
            Some(_) => {
                let above = lines.filter_map(|line| line.split(' ').next()).filter(|name| !name.starts_with('['));
                Some(Answer::There(above.map(str::to_owned).collect()))
            }
            None if errors.contains("is ambiguous") => {
                let (_, specs) = errors.split_once("following specifications")?;
                Some(Answer::Several(specs.split_whitespace().map(str::to_owned).collect()))
            }
            None if absent.iter().any(|words| errors.contains(words)) => Some(Answer::Absent),
            None => None,
        }
    }
}

fn said(command: &mut Command) -> Result<(String, String), String> {
    let output = command.current_dir(root()).env("CARGO_TERM_COLOR", "never").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cargo cannot be run: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_from_what_is_said() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let unknown = "error: package ID specification `ring` did not match any packages\n\nhelp: a package with a \
                       similar name exists: `idna`\n";
        assert_eq!(Answer::of("", unknown), Some(Answer::Absent));
        assert_eq!(Answer::of("", "warning: nothing to print.\n\nTo find dependencies"), Some(Answer::Absent));
        let several = "error: specification `base64` is ambiguous\nhelp: re-run this command with one of the following \
                       specifications\n  base64@0.22.1\n  base64@0.23.1\n";
        assert_eq!(Answer::of("", several), Some(Answer::Several(words(&["base64@0.22.1", "base64@0.23.1"]))));
        let there = "reqwest v0.13.5\nrocky-sdk v0.1.0 (/rocky/rocky-sdk)\n\n[build-dependencies]\nother v1.0.0\n";
        assert_eq!(Answer::of(there, "warning: x"), Some(Answer::There(words(&["rocky-sdk", "other"]))));
        assert_eq!(Answer::of("rocky-console v0.1.0\n", ""), Some(Answer::There(Vec::new())));
        assert_eq!(Answer::of("", ""), None);
        assert_eq!(Answer::of("", "error: the lock file needs to be updated"), None);
    }

    #[test]
    fn what_another_feature_brings_too_is_not_polars_own() {
        let features = serde_json::json!({
            "airlock": ["dep:reqwest"],
            "cloud": ["airlock", "polar"],
            "local-docker": ["hearth", "dep:bollard"],
            "polar": ["hearth", "dep:reqwest", "dep:base64", "dep:hmac"],
        });
        assert_eq!(only_polars(&features), ["base64", "hmac"]);
        assert!(only_polars(&Value::Null).is_empty());
        assert!(only_polars(&serde_json::json!({"axum": ["dep:axum"]})).is_empty());
    }

    #[test]
    fn what_is_banned_here_is_banned_in_deny_toml() {
        let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
        for name in BANNED {
            assert!(text.contains(&format!("{{ crate = \"{name}\"")), "{name}");
        }
    }

    /// The features that a build of these packages gives the SDK.
    fn features(packages: &[&str]) -> String {
        let mut tree = cargo(&["tree", "--locked", "-e", "no-dev", "--prefix", "none", "-f", "{p}|{f}"]);
        let (said, errors) = said(tree.args(packages)).unwrap();
        let line = said.lines().find(|line| line.starts_with("rocky-sdk v")).unwrap_or_else(|| panic!("{errors}"));
        line.trim_end_matches(" (*)").split_once('|').unwrap().1.to_owned()
    }

    /// Why the self-host console is built with `-p`, in a folder of its own.
    #[test]
    fn a_build_of_the_whole_workspace_contaminates_the_console() {
        let has_polar = |features: &str| features.split(',').any(|feature| feature == "polar");
        let alone = features(&["-p", "rocky-console"]);
        assert!(alone.contains("hearth") && !has_polar(&alone), "{alone}");
        let contaminated = features(&["--workspace"]);
        assert!(has_polar(&contaminated), "{contaminated}");
    }
}
