//! The wall holds under every feature set: where a twin compiles, its mistake does not, and fails with the error code that
//! its golden text has. The texts themselves belong to the default features.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The features of the SDK, and those that are on by default.
fn features() -> (BTreeSet<String>, BTreeSet<String>) {
    let manifest = fs::read_to_string(here().join("../rocky-sdk/Cargo.toml")).unwrap();
    let (_, section) = manifest.split_once("[features]\n").unwrap();
    let (section, _) = section.split_once("\n[").unwrap();
    let (mut all, mut default) = (BTreeSet::new(), BTreeSet::new());
    for (name, means) in section.lines().filter_map(|line| line.split_once(" = ")) {
        if name == "default" {
            default.extend(means.trim_matches(['[', ']']).split(", ").map(|word| word.trim_matches('"').to_owned()));
        } else {
            all.insert(name.to_owned());
        }
    }
    assert!(!default.is_empty() && default.is_subset(&all), "{default:?} of {all:?}");
    (all, default)
}

/// Nothing, each feature by itself, everything; less the default, whose texts `fixtures.rs` compares.
fn sets() -> BTreeSet<BTreeSet<String>> {
    let (all, default) = features();
    let mut sets: BTreeSet<_> = all.iter().map(|feature| BTreeSet::from([feature.clone()])).collect();
    sets.extend([BTreeSet::new(), all]);
    sets.remove(&default);
    sets
}

/// Each fixture under the name that its program has: `fail--I4--token-cloned`.
fn fixtures() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for kind in ["fail", "pass"] {
        for folder in fs::read_dir(here().join(kind)).unwrap() {
            for fixture in fs::read_dir(folder.unwrap().path()).unwrap() {
                let path = fixture.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "rs") {
                    let name = path.strip_prefix(here()).unwrap().with_extension("");
                    found.insert(name.to_str().unwrap().replace('/', "--"), path);
                }
            }
        }
    }
    found
}

/// How a dependency is written in the workspace's manifest.
fn dependency(manifest: &str, name: &str) -> String {
    let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
    line.to_owned()
}

/// A package of its own for a feature set, with a program for each fixture.
fn generate(folder: &Path, set: &BTreeSet<String>, programs: &BTreeMap<String, PathBuf>) {
    let workspace = fs::read_to_string(here().join("../Cargo.toml")).unwrap();
    let sdk = here().join("../rocky-sdk").canonicalize().unwrap();
    let features: Vec<_> = set.iter().map(|feature| format!("{feature:?}")).collect();
    let sdk = |name: &str| {
        let features = features.join(", ");
        format!(
            "{name} = {{ package = \"rocky-sdk\", path = {sdk:?}, default-features = false, features = [{features}] }}\n"
        )
    };
    let edition = "version = \"0.0.0\"\nedition = \"2024\"\n";
    let mut manifest = format!("[workspace]\nmembers = [\"renamed\"]\n\n[package]\nname = \"ui-tests\"\n{edition}\n");
    writeln!(manifest, "[lib]\npath = {:?}\n\n[dependencies]", here().join("src/lib.rs")).unwrap();
    manifest += &sdk("rocky-sdk");
    for name in ["axum", "serde", "thiserror", "tokio"] {
        writeln!(manifest, "{}", dependency(&workspace, name)).unwrap();
    }
    for (name, path) in programs {
        writeln!(manifest, "\n[[bin]]\nname = {name:?}\npath = {path:?}").unwrap();
    }
    // The same, for a crate that knows the SDK by another name and by no other.
    let mut renamed = format!("[package]\nname = \"renamed\"\n{edition}\n[dependencies]\n{}", sdk("r"));
    writeln!(renamed, "{}", dependency(&workspace, "thiserror")).unwrap();
    let fixture = fs::read_to_string(here().join("pass/macro/another-name-for-the-crate.rs")).unwrap();
    assert!(fixture.contains("use rocky_sdk as r;\n"));
    fs::create_dir_all(folder.join("renamed/src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("renamed/Cargo.toml"), renamed).unwrap();
    fs::write(folder.join("renamed/src/main.rs"), fixture.replace("use rocky_sdk as r;\n", "")).unwrap();
    fs::copy(here().join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

/// What each program's check said: the codes of its errors (empty where one has none), or nothing where it compiles.
fn check(folder: &Path, target: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let checked = Command::new(env!("CARGO"))
        .args(["check", "--workspace", "--bins", "--keep-going", "--message-format=json", "--quiet"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let (mut said, mut built) = (BTreeMap::<String, BTreeSet<String>>::new(), BTreeSet::new());
    for line in String::from_utf8(checked.stdout).unwrap().lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = message["target"]["name"].as_str().unwrap_or_default().to_owned();
        if message["reason"] == "compiler-artifact" {
            built.insert(name);
        } else if message["message"]["level"] == "error" && message["message"]["spans"] != serde_json::json!([]) {
            let code = message["message"]["code"]["code"].as_str().unwrap_or_default().to_owned();
            said.entry(name).or_default().insert(code);
        }
    }
    assert!(built.contains("rocky_sdk"), "{}", String::from_utf8_lossy(&checked.stderr));
    for name in built {
        said.entry(name).or_default();
    }
    said
}

/// The code of the golden text: `E0277`, or nothing where the attribute says it.
fn golden(fixture: &Path) -> String {
    let text = fs::read_to_string(fixture.with_extension("stderr")).unwrap();
    let first = text.lines().next().unwrap();
    let code = first.strip_prefix("error[").and_then(|rest| rest.split_once(']'));
    code.map(|(code, _)| code.to_owned()).unwrap_or_default()
}

#[test]
fn the_wall_holds_under_every_feature_set() {
    let programs = fixtures();
    let (all, default) = features();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here().join("../target"), PathBuf::from);
    let scratch = target.join("ui-features");
    for set in sets() {
        let name = if set.is_empty() { "none".to_owned() } else { Vec::from_iter(set.clone()).join("+") };
        let folder = scratch.join(&name);
        generate(&folder, &set, &programs);
        let said = check(&folder, &scratch.join("target"));
        let compiles = |name: &str| said.get(name).is_some_and(BTreeSet::is_empty);
        let mut held = 0;
        for (program, path) in programs.iter().filter(|(program, _)| program.starts_with("fail--")) {
            if !compiles(&program.replace("fail--", "pass--")) {
                assert!(!set.is_superset(&default), "with {name}, the twin of {program} does not compile");
                continue;
            }
            let codes = said.get(program).unwrap_or_else(|| panic!("with {name}, nothing is known of {program}"));
            assert!(codes.contains(&golden(path)), "with {name}, {program} fails with {codes:?}");
            held += 1;
        }
        println!("{name}: {held} mistakes fail as they should");
        assert!(held >= 60, "with {name}, only {held} fixtures name nothing that is not there");
        assert_eq!(compiles("renamed"), set.is_superset(&default), "with {name}, a crate that knows rocky-sdk as `r`");
    }
    assert!(all.len() > default.len());
}
