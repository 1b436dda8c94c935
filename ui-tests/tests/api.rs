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
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("api");
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

/// What a function gives back, `Self` by its name; of an associated type or an alias, what it stands for.
fn answer(item: &str) -> String {
    let Some(function) = item.find("fn ") else {
        let of = item.strip_prefix("pub type").and_then(|of| of.split_once(" = "));
        return of.map(|(_, of)| of.to_owned()).unwrap_or_default();
    };
    // The parameters are the first brackets that do not stand in angle ones.
    let (mut angles, mut brackets, mut last, mut end) = (0, 0, ' ', item.len());
    for (at, c) in item.char_indices().skip_while(|(at, _)| *at < function) {
        match c {
            '<' if brackets == 0 => angles += 1,
            '>' if brackets == 0 && last != '-' => angles -= 1,
            '(' if angles == 0 => brackets += 1,
            ')' if angles == 0 => brackets -= 1,
            _ => {}
        }
        if c == ')' && angles == 0 && brackets == 0 {
            end = at + 1;
            break;
        }
        last = c;
    }
    let answer = item[end..].strip_prefix(" -> ").unwrap_or_default();
    let answer = answer.split_once(" where ").map_or(answer, |(answer, _)| answer);
    let path = path(item);
    let owner = path.rsplit_once("::").map_or("", |(owner, _)| owner);
    answer.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_').fold(String::new(), |read, word| {
        let is_self =
            word.strip_prefix("Self").is_some_and(|rest| rest.chars().all(|c| !c.is_alphanumeric() && c != '_'));
        read + &if is_self { word.replacen("Self", owner, 1) } else { word.to_owned() }
    })
}

/// The paths of what gives out a `stage`, or lends one: nobody may but the doors.
fn makers(stage: &str) -> BTreeSet<String> {
    let gives =
        |item: &&String| answer(item).split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == stage);
    ITEMS.iter().filter(gives).map(|item| path(item)).collect()
}

#[test]
fn signatures_are_read_as_they_are_meant() {
    for (item, gives) in [
        ("pub fn rocky_sdk::Entitled<A>::new(A) -> Self", "rocky_sdk::Entitled"),
        ("pub fn rocky_sdk::a<F: Fn(u8) -> u8>(F, (u8, u8)) -> Option<X> where F: Fn() -> Y", "Option<X>"),
        ("pub fn rocky_sdk::Entitled<A>::f(&self) -> Result<Self, E>", "Result<rocky_sdk::Entitled, E>"),
        ("pub type rocky_sdk::T::Target = rocky_sdk::Entitled<A>", "rocky_sdk::Entitled<A>"),
        ("pub fn rocky_sdk::f(fn() -> X)", ""),
        ("pub async fn rocky_sdk::f(&self) -> &rocky_sdk::Selfish", "&rocky_sdk::Selfish"),
    ] {
        assert_eq!(answer(item), gives, "{item}");
    }
    assert_eq!(
        path("pub fn rocky_sdk::Authenticated<R>::audit<A>(self, A) -> X<Y>"),
        "rocky_sdk::Authenticated::audit"
    );
}

#[test]
fn nothing_makes_a_token_but_the_doors() {
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(makers("Entitled"), set(&[]), "a token is lent to the action's code, and given to nobody");
    assert_eq!(
        makers("Authenticated"),
        set(&[
            "rocky_sdk::doors::Doors::authenticate",
            "rocky_sdk::doors::Doors::authenticate_inbound",
            "rocky_sdk::doors::Doors::authenticate_service",
            // From one that is there, and from a request, by the doors that its router has.
            "rocky_sdk::Authenticated::idempotency_key",
            "rocky_sdk::Authenticated::from_request_parts",
        ])
    );
    // The second is never there: it carries a sentence, and does not compile.
    assert_eq!(makers("Audited"), set(&["rocky_sdk::Authenticated::audit", "rocky_sdk::doors::Doors::audit"]));
    assert_eq!(makers("Completed"), set(&["rocky_sdk::Audited::perform", "rocky_sdk::Authenticated::perform"]));
    // The second lends a webhook's handler the key that `main` mounted it with.
    assert_eq!(
        makers("ServiceKey"),
        set(&["rocky_sdk::doors::DoorsBuilder::service", "rocky_sdk::web::Verified::key"])
    );

    for stage in
        ["Entitled", "Authenticated", "Audited", "Completed", "Refusal", "Denied", "Bolted", "ServiceKey", "Doors"]
    {
        let field = |item: &&String| {
            let path = item.strip_prefix("pub rocky_sdk::").map(|path| path.trim_start_matches("doors::"));
            path.is_some_and(|path| path.starts_with(&format!("{stage}::")))
        };
        let fields: Vec<_> = ITEMS.iter().filter(field).collect();
        assert!(fields.is_empty(), "{stage} has fields for anybody: {fields:?}");
        let tuple = |item: &&String| item.starts_with("pub struct") && path(item).ends_with(&format!("::{stage}"));
        for item in ITEMS.iter().filter(tuple) {
            assert!(!item.contains("(pub ") && !item.contains(", pub "), "a field for anybody: {item}");
        }
        for forbidden in
            ["Clone", "Copy", "Default", "Deserialize", "From<", "FromStr", "Deref", "AsMut", "AsRef", "Borrow"]
        {
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
        let (mut fenced, mut rust) = (false, false);
        for line in lines {
            if let Some(fence) = line.trim_start().strip_prefix("```") {
                fenced = !fenced;
                rust = fenced && !fence.starts_with("text") && !fence.starts_with("sh");
            } else if rust {
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
    let is_ours = |item: &String| !item.starts_with("impl") && item.contains("pub ") && !item.contains("sealed::");
    for item in items(false).into_iter().filter(is_ours) {
        let path = path(&item);
        let name = path.rsplit("::").next().unwrap_or_default();
        if !words.contains(name) {
            unused.push(item);
        }
    }
    assert!(unused.is_empty(), "no example, doc test or fixture uses {unused:#?}");
}
