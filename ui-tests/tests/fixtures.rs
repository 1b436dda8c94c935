//! Each mistake fails to compile with the text that a person read and found good; its twin, one edit away, compiles and
//! runs. The golden texts belong to the toolchain in `rust-toolchain.toml`; `TRYBUILD=overwrite cargo test -p ui-tests`
//! writes them anew.

use std::path::{Path, PathBuf};

fn fixtures(kind: &str) -> std::io::Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind);
    let mut found = Vec::new();
    for folder in std::fs::read_dir(&root)? {
        for fixture in std::fs::read_dir(folder?.path())? {
            let path = fixture?.path();
            if path.extension().is_some_and(|ending| ending == "rs") {
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
fn each_mistake_has_a_twin() {
    let (fail, pass) = (fixtures("fail").unwrap(), fixtures("pass").unwrap());
    assert_eq!(fail, pass);
    assert!(!fail.is_empty());
    for fixture in fail {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fail").join(&fixture)).unwrap();
        assert!(text.contains("fn main() {"), "{} has no main, which is a second mistake", fixture.display());
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
