//! The files that a build was made from, as the compiler says itself in its `.d` files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{Seen, builds::Build};

pub(super) fn absent(selfhost: &Build) -> Seen {
    let sources = sources(&selfhost.folder())?;
    match polars(&sources).next() {
        None => Ok(format!("none among {} files", sources.len())),
        Some(file) => Err(format!("it was built from {file}")),
    }
}

pub(super) fn control(cloud: &Build) -> Seen {
    let sources = sources(&cloud.folder())?;
    match polars(&sources).count() {
        0 => Err(format!("none is named, among {} files", sources.len())),
        found => Ok(format!("{found} among {} files", sources.len())),
    }
}

fn polars(sources: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    let beginnings = ["rocky-sdk/src/polar/", "rocky-sdk/src/polar.rs"];
    sources.iter().filter(move |file| beginnings.iter().any(|beginning| file.contains(beginning)))
}

/// Everything that is named in any of the folder's `.d` files.
fn sources(folder: &Path) -> Result<BTreeSet<String>, String> {
    let mut sources = BTreeSet::new();
    for file in dep_infos(folder)? {
        let text = fs::read_to_string(&file).map_err(|error| told(&file, &error))?;
        sources.extend(named(&text));
    }
    if sources.iter().any(|file| file.ends_with("rocky-sdk/src/lib.rs")) {
        return Ok(sources);
    }
    Err(format!("the dep-info in {} is not read as it should be: it does not name the SDK", folder.display()))
}

fn dep_infos(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| told(folder, &error))? {
        let path = entry.map_err(|error| told(folder, &error))?.path();
        if path.is_dir() {
            found.extend(dep_infos(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "d") {
            found.push(path);
        }
    }
    Ok(found)
}

/// What stands behind the colons: files, a blank between them. One within a name has a backslash before it.
fn named(text: &str) -> Vec<String> {
    let rules = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    let files = rules.map(|(_, files)| files.replace("\\ ", "\0"));
    files.flat_map(|files| files.split_whitespace().map(|file| file.replace('\0', " ")).collect::<Vec<_>>()).collect()
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_from_rules() {
        let text = "/t/librocky_sdk.rlib: rocky-sdk/src/lib.rs rocky-sdk/src/a\\ b.rs\n\nrocky-sdk/src/lib.rs:\n\
                    # env-dep:NAME=x: rocky-sdk/src/polar/mod.rs\n";
        assert_eq!(named(text), ["rocky-sdk/src/lib.rs", "rocky-sdk/src/a b.rs"]);
        assert!(named("").is_empty());
    }

    #[test]
    fn polars_files_are_told_from_others() {
        let set = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<BTreeSet<_>>();
        let others = set(&["rocky-sdk/src/polarity.rs", "/x/src/polar/mod.rs", "/home/polar/rocky-sdk/src/lib.rs"]);
        assert_eq!(polars(&others).count(), 0);
        let polar =
            set(&["/work/rocky-sdk/src/polar/mod.rs", "rocky-sdk/src/polar/state.rs", "rocky-sdk/src/polar.rs"]);
        assert_eq!(polars(&polar).count(), 3);
    }

    #[test]
    fn a_folder_without_the_sdk_shows_nothing() {
        let folder = std::env::temp_dir().join(format!("rocky-dep-info-{}", std::process::id()));
        fs::create_dir_all(folder.join("deps")).unwrap();
        fs::write(folder.join("deps/other.d"), "/t/other: src/lib.rs\n").unwrap();
        assert!(sources(&folder).unwrap_err().contains("does not name the SDK"));
        fs::write(folder.join("deps/sdk.d"), "/t/sdk: rocky-sdk/src/lib.rs\n").unwrap();
        assert_eq!(sources(&folder).unwrap().len(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }
}
