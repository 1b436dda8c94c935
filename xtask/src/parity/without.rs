//! The SDK in a copy of the project that has no src/polar/.

use std::process::Stdio;

use super::{Seen, builds::Build};
use crate::{root, tree::Tree};

const POLAR: &str = "rocky-sdk/src/polar/";

/// The copy.
pub(super) fn tree() -> Result<Tree, String> {
    Tree::copy(&root().join("target/parity/without"), |file| !file.starts_with(POLAR))
}

/// It builds with everything that a self-host console asks of it.
pub(super) fn builds(tree: &Tree, selfhost: &Build) -> Seen {
    match build(tree, selfhost, "hearth,local-docker")? {
        (true, _) => Ok("builds".to_owned()),
        (false, said) => Err(format!("it does not build: {said}")),
    }
}

/// With Polar it misses the file, and says so.
pub(super) fn fails(tree: &Tree, cloud: &Build) -> Seen {
    let (built, said) = build(tree, cloud, "polar")?;
    judged(built, &said)
}

fn judged(built: bool, said: &str) -> Seen {
    let missing = |line: &&str| line.starts_with("error") && line.contains("file not found for module `polar`");
    match said.lines().find(missing) {
        _ if built => Err("it builds with the feature `polar`: Polar's code is not in src/polar/".to_owned()),
        Some(error) if said.contains("rocky-sdk/src/polar/mod.rs") => Ok(error.to_owned()),
        _ => Err(format!("it fails for another reason: {said}")),
    }
}

/// Builds the copy's SDK. The folder is the console's: the crates of others are there already, and the SDK of another
/// path is another crate to cargo.
fn build(tree: &Tree, like: &Build, features: &str) -> Result<(bool, String), String> {
    let mut command = like.within("build");
    command.args(["-p", "rocky-sdk", "--features", features]).env("CARGO_TERM_COLOR", "never");
    println!("$ {command:?} in {}", tree.root().display());
    let output = command.current_dir(tree.root()).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cargo cannot be run: {error}"))?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_missing_file_is_the_reason() {
        let missing = "error[E0583]: file not found for module `polar`\n --> rocky-sdk/src/lib.rs:9:1\n  = help: to \
                       create the module `polar`, create file \"rocky-sdk/src/polar.rs\" or \
                       \"rocky-sdk/src/polar/mod.rs\"\n";
        assert_eq!(judged(false, missing).unwrap(), "error[E0583]: file not found for module `polar`");
        assert!(judged(true, missing).unwrap_err().contains("not in src/polar/"));
        let elsewhere = missing.replace("rocky-sdk/src/polar", "examples/console/src/polar");
        for other in ["error[E0308]: mismatched types", "", elsewhere.as_str()] {
            assert!(judged(false, other).unwrap_err().contains("another reason"), "{other}");
        }
    }
}
