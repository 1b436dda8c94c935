//! A folder for one run, taken away with all that it holds when the run is over.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::args::at;

/// The folder; dropping it takes it away.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder in `parent`, closed to other users.
    ///
    /// # Errors
    /// It cannot be made, or is there already.
    pub fn new(parent: &Path, peer: &str) -> Result<Self, String> {
        let path = parent.join(format!("{peer}-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path).map_err(at(&path))?;
        Ok(Scratch(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} cannot be taken away: {error}", self.0.display());
        }
    }
}
