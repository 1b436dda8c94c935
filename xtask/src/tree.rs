//! A copy of the project, to change and change back, with a target folder that stays warm.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::root;

pub(crate) struct Tree {
    root: PathBuf,
    target: PathBuf,
    /// What each file is without a mutation, whatever becomes of the project meanwhile.
    files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// Of the files that git knows or would know, as they are in the working tree, those that it is to have. What is
    /// the same already is left alone, so that cargo builds only what changed.
    pub(crate) fn copy(folder: &Path, has: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut files = sources()?;
        files.retain(|file, _| has(file));
        let tree = Tree { root: folder.join("tree"), target: folder.join("target"), files };
        for folder in [&tree.root, &tree.target] {
            fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
        }
        for file in tree.files.keys() {
            tree.restore(file)?;
        }
        tree.prune(&tree.root)?;
        Ok(tree)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    pub(crate) fn change(&self, file: &str, from: &str, to: &str) -> Result<(), String> {
        let path = self.root.join(file);
        let text = fs::read_to_string(&path).map_err(|error| told(&path, &error))?;
        if text.matches(from).count() != 1 {
            return Err(format!("{file} does not have once what is to be changed:\n{from}"));
        }
        fs::write(&path, text.replacen(from, to, 1)).map_err(|error| told(&path, &error))
    }

    /// Makes a file what it was when the project was copied.
    pub(crate) fn restore(&self, file: &str) -> Result<(), String> {
        let to = self.root.join(file);
        let wanted = self.files.get(file).ok_or_else(|| format!("{file} is not in the project"))?;
        if fs::read(&to).is_ok_and(|has| has == *wanted) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
        }
        fs::write(&to, wanted).map_err(|error| told(&to, &error))
    }

    /// Takes away what an earlier copy had and this one has not.
    fn prune(&self, folder: &Path) -> Result<(), String> {
        for entry in fs::read_dir(folder).map_err(|error| told(folder, &error))? {
            let path = entry.map_err(|error| told(folder, &error))?.path();
            if path.is_dir() {
                self.prune(&path)?;
                continue;
            }
            let known = path
                .strip_prefix(&self.root)
                .ok()
                .and_then(Path::to_str)
                .is_some_and(|name| self.files.contains_key(name));
            if !known {
                fs::remove_file(&path).map_err(|error| told(&path, &error))?;
            }
        }
        Ok(())
    }
}

fn sources() -> Result<BTreeMap<String, Vec<u8>>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("git does not run: {error}. A copy is made of a git checkout"))?;
    if !listed.status.success() {
        return Err(String::from_utf8_lossy(&listed.stderr).into_owned());
    }
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names = names.split('\0').map(|name| (name, root().join(name))).filter(|(_, path)| path.is_file());
    names.map(|(name, path)| Ok((name.to_owned(), fs::read(&path).map_err(|error| told(&path, &error))?))).collect()
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
