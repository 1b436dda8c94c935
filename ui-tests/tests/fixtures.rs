//! Each mistake fails to compile with the text that a person read and found good; its twin, one edit away, compiles and
//! runs. The golden texts belong to the toolchain in `rust-toolchain.toml`; `TRYBUILD=overwrite cargo test -p ui-tests`
//! writes them anew.

use std::path::{Path, PathBuf};

fn fixtures(kind: &str) -> std::io::Result<Vec<PathBuf>> {
    fixtures_of(kind, "rs")
}

fn fixtures_of(kind: &str, ending: &str) -> std::io::Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind);
    let mut found = Vec::new();
    for folder in std::fs::read_dir(&root)? {
        for fixture in std::fs::read_dir(folder?.path())? {
            let path = fixture?.path();
            if path.extension().is_some_and(|found| found == ending) {
                found.extend(path.strip_prefix(&root).map(Path::to_owned));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[test]
fn mistakes_do_not_compile_and_their_twins_do() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("fail/*/*.rs");
    cases.pass("pass/*/*.rs");
}

#[test]
fn each_mistake_has_a_twin_and_a_text() {
    let (fail, pass) = (fixtures("fail").unwrap(), fixtures("pass").unwrap());
    assert!(fail.len() >= 60 && pass.len() >= 60, "{} and {}", fail.len(), pass.len());
    for fixture in &fail {
        assert!(pass.contains(fixture), "{} has no twin in pass/", fixture.display());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fail").join(fixture);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("fn main() {"), "{} has no main, which is a second mistake", fixture.display());
        assert!(path.with_extension("stderr").is_file(), "{} has no text", fixture.display());
    }
    let left = fixtures_of("fail", "stderr").unwrap();
    assert_eq!(left.len(), fail.len(), "a text is left of a fixture that is gone: {left:?}");
}

/// The bar in `README.md`, as far as a machine can hold it up.
#[test]
fn texts_meet_the_bar() {
    for text in fixtures_of("fail", "stderr").unwrap() {
        let said = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fail").join(&text)).unwrap();
        let starts = |with: &str| said.lines().filter(|line| line.starts_with(with)).count();
        let text = text.display();
        assert!(
            starts("error") == 1 || text.to_string().contains("several-mistakes"),
            "{text}: one mistake, one error"
        );
        assert_eq!(starts("warning"), 0, "{text}: a warning beside the error");
        for word in ["PhantomData", "originates in the"] {
            assert!(!said.contains(word), "{text} says {word}");
        }
        // `doors::Holds` is public; what stands in `doors::bolted` is not.
        for module in ["doors::", "web::", "action::", "airlock::"] {
            let private = said.split(module).skip(1).any(|rest| rest.starts_with(|first: char| first.is_lowercase()));
            assert!(!private, "{text} names a module in {module}");
        }
    }
}

/// What README says that the compiler says is what it says.
#[test]
fn readme_quotes_the_compiler() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = std::fs::read_to_string(here.join("fail/I12/post-without-the-doors.stderr")).unwrap();
    let (said, _) = golden.split_once("note: required by").unwrap();
    let readme = std::fs::read_to_string(here.join("../README.md")).unwrap();
    assert!(readme.contains(said), "README quotes something else than:\n{said}");
}
