//! The public API of the SDK, under all its features: a checked-in list whose change shows in a diff, no way to a token but
//! through the doors, and nothing that no example, doc test or fixture uses.
//!
//! `ROCKY_API=overwrite cargo test -p ui-tests --test api` writes the list anew.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

const LIST: &str = "rocky-sdk/public-api.txt";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// What rustdoc says of the SDK: hidden items too.
static RUSTDOC: LazyLock<PathBuf> = LazyLock::new(|| {
    // A folder of its own: the compiler's nightly switch makes cargo build everything anew.
    let target = root().join("target/api");
    let words = ["rustdoc", "-p", "rocky-sdk", "--lib", "--all-features", "--locked", "--quiet", "--"];
    let ended = Command::new(env!("CARGO"))
        .args(words)
        .args(["-Zunstable-options", "--output-format=json", "--document-hidden-items"])
        .current_dir(root())
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTDOCFLAGS")
        .status()
        .unwrap();
    assert!(ended.success(), "rustdoc did not describe the SDK");
    target.join("doc/rocky_sdk.json")
});

/// What `#[derive(Eq)]` makes for itself, and hides.
const DERIVED: &str = "assert_fields_are_eq";

/// Each public item, as its path and signature; with what derives make, or without.
fn items(derived: bool) -> Vec<String> {
    let api = public_api::Builder::from_rustdoc_json(&*RUSTDOC).omit_blanket_impls(true).omit_auto_trait_impls(true);
    let api = api.omit_auto_derived_impls(!derived).build().unwrap();
    let mut items: Vec<_> = api.items().map(ToString::to_string).filter(|item| !item.contains(DERIVED)).collect();
    // Once for each path that it is exported under, of which an impl shows none.
    items.sort_unstable();
    items.dedup();
    items
}

static ITEMS: LazyLock<Vec<String>> = LazyLock::new(|| items(true));

#[test]
fn the_public_api_is_what_the_list_says() {
    let now = ITEMS.join("\n") + "\n";
    let path = root().join(LIST);
    if std::env::var("ROCKY_API").is_ok_and(|word| word == "overwrite") {
        fs::write(&path, &now).unwrap();
    }
    let listed = fs::read_to_string(&path).unwrap_or_default();
    let (now, listed): (BTreeSet<_>, BTreeSet<_>) = (now.lines().collect(), listed.lines().collect());
    let new: Vec<_> = now.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&now).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "the public API changed: new {new:#?}, gone {gone:#?}.\nIf that is meant, write {LIST} anew: ROCKY_API=overwrite"
    );
}

#[test]
fn nothing_public_is_hidden() {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&*RUSTDOC).unwrap()).unwrap();
    let items = json["index"].as_object().unwrap();
    let ours: Vec<_> = items.values().filter(|item| item["crate_id"] == 0).collect();
    assert!(ours.len() > 300, "rustdoc knows of {} items", ours.len());
    for item in ours {
        let attributes = item["attrs"].to_string();
        let name = item["name"].as_str().unwrap_or_default();
        let derived = name == DERIVED || attributes.contains("automatically_derived");
        assert!(!attributes.contains("hidden") || derived, "{name} is hidden: {attributes}");
    }
    let names =
        |item: &String| item.split("rocky_sdk::").skip(1).any(|path| path.contains("::__") || path.starts_with("__"));
    let back_doors: Vec<_> = ITEMS.iter().filter(|item| names(item)).collect();
    assert!(back_doors.is_empty(), "{back_doors:?}");
}

/// `rocky_sdk::Authenticated::audit` of `pub fn rocky_sdk::Authenticated<R>::audit<A>(self, A) -> ..`.
fn path(item: &str) -> String {
    let (mut depth, mut last, mut plain) = (0, ' ', String::new());
    for c in item.chars() {
        let closes = c == '>' && last != '-';
        depth += i32::from(c == '<') - i32::from(closes);
        if depth == 0 && !closes {
            plain.push(c);
        }
        last = c;
    }
    let name = plain.split(['(', '=', '{']).next().unwrap_or_default();
    let name = name.split_whitespace().find(|word| word.contains("::")).unwrap_or_default();
    name.trim_end_matches(':').to_owned()
}

/// The part of a function's signature behind its arrow.
fn answer(item: &str) -> &str {
    item.rsplit_once(" -> ").map_or("", |(_, answer)| answer)
}

/// The paths of the functions that give out a `stage`, which nobody may own but who came through the doors.
fn makers(stage: &str) -> BTreeSet<String> {
    let owned = |item: &&String| {
        let answer = answer(item);
        answer.match_indices(stage).any(|(at, _)| !answer[..at].trim_end_matches("rocky_sdk::").ends_with(['&', ' ']))
            || answer.trim_start_matches("rocky_sdk::").starts_with(stage)
    };
    ITEMS.iter().filter(owned).filter(|item| item.contains("fn ")).map(|item| path(item)).collect()
}

#[test]
fn nothing_makes_a_token_but_the_doors() {
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(makers("Entitled<"), set(&[]), "a token is lent, and given to nobody");
    assert_eq!(
        makers("Authenticated<"),
        set(&[
            "rocky_sdk::doors::Doors::authenticate",
            "rocky_sdk::doors::Doors::authenticate_inbound",
            "rocky_sdk::doors::Doors::authenticate_service",
        ])
    );
    // The second is never there: it carries a sentence, and does not compile.
    assert_eq!(makers("Audited<"), set(&["rocky_sdk::Authenticated::audit", "rocky_sdk::doors::Doors::audit"]));
    assert_eq!(makers("Completed<"), set(&["rocky_sdk::Audited::perform", "rocky_sdk::Authenticated::perform"]));
    assert_eq!(makers("ServiceKey"), set(&["rocky_sdk::doors::DoorsBuilder::service"]));

    for stage in
        ["Entitled", "Authenticated", "Audited", "Completed", "Refusal", "Denied", "Bolted", "ServiceKey", "Doors"]
    {
        let field = |item: &&String| {
            let path = item.strip_prefix("pub rocky_sdk::").map(|path| path.trim_start_matches("doors::"));
            path.is_some_and(|path| path.starts_with(&format!("{stage}::")))
        };
        let fields: Vec<_> = ITEMS.iter().filter(field).collect();
        assert!(fields.is_empty(), "{stage} has fields for anybody: {fields:?}");
        for forbidden in ["Clone", "Copy", "Default", "Deserialize", "From<", "DerefMut", "AsMut", "BorrowMut"] {
            let given = |item: &&String| {
                item.starts_with("impl")
                    && item.split_once(" for ").is_some_and(|(of, to)| {
                        of.contains(forbidden)
                            && to.split(['<', ' ']).next().and_then(|path| path.rsplit("::").next()) == Some(stage)
                    })
            };
            let found: Vec<_> = ITEMS.iter().filter(given).collect();
            // Doors are a handle; and a denial is a refusal, which is no success either.
            let meant = match (stage, forbidden) {
                ("Doors", "Clone") => 1,
                ("Refusal", "From<") => 1,
                _ => 0,
            };
            assert_eq!(found.len(), meant, "{stage}: {forbidden} is given by {found:?}");
        }
    }
}

/// Examples, fixtures, doc tests: everything that a reader can copy from.
fn corpus() -> String {
    let mut text = String::new();
    let read = |folder: &str, take: &mut dyn FnMut(&str)| {
        let mut folders = vec![root().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    take(&fs::read_to_string(&path).unwrap());
                }
            }
        }
    };
    for folder in ["examples", "ui-tests/pass", "ui-tests/fail", "ui-tests/src", "ui-tests/tests"] {
        // This very file names what it forbids.
        read(folder, &mut |file| text += if file.contains("fn corpus()") { "" } else { file });
    }
    let mut fenced = |lines: &mut dyn Iterator<Item = &str>| {
        let mut inside = false;
        for line in lines {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            } else if inside {
                text += line;
                text += "\n";
            }
        }
    };
    let mut sources = String::new();
    read("rocky-sdk/src", &mut |file| sources += file);
    let docs = |line| str::trim_start(line).strip_prefix("///").or_else(|| str::trim_start(line).strip_prefix("//!"));
    fenced(&mut sources.lines().filter_map(docs));
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    fenced(&mut readme.lines());
    text
}

#[test]
fn everything_public_is_used_where_a_reader_can_see_it() {
    let corpus = corpus();
    let words: BTreeSet<&str> = corpus.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut unused = Vec::new();
    // What a sealed trait's functions are for is that nobody writes them; and a trait's method in an impl is the trait's.
    for item in items(false).into_iter().filter(|item| item.starts_with("pub ") && !item.contains("sealed::")) {
        let path = path(&item);
        let name = path.rsplit("::").next().unwrap_or_default();
        if !words.contains(name) {
            unused.push(item);
        }
    }
    assert!(unused.is_empty(), "no example, doc test or fixture uses {unused:#?}");
}
