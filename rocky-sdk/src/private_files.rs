//! Files that are ours alone: regular, owned by this user, closed to everybody else, never behind a symbolic link.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// A file or folder that cannot be trusted, or not be used, and what to do about it.
///
/// A program that looks after a service can say the command. It does not run it: what others could write is to be read
/// by somebody before it is trusted again.
/// ```
/// # let home = tempfile::tempdir()?;
/// # rocky_sdk::LocalAuth::open(home.path())?;
/// use std::os::unix::fs::PermissionsExt;
/// use rocky_sdk::{LocalAuth, PrivateFileError, airlock::LocalAuthError};
///
/// fn remedy(error: &PrivateFileError) -> String {
///     match error {
///         PrivateFileError::OpenToOthers { path, wanted, .. } => format!("chmod {wanted:03o} {}", path.display()),
///         PrivateFileError::NotOurs { path, owner, us } => {
///             format!("{} is user {owner}'s, and this is user {us}: start it as the other", path.display())
///         }
///         PrivateFileError::NotPlain { path } => format!("ls -ld {}, then mv", path.display()),
///         PrivateFileError::TooLarge { path, size } => format!("{} has {size} bytes: mv", path.display()),
///         PrivateFileError::Io { path, source } => format!("see to {}: {source}", path.display()),
///     }
/// }
///
/// let identity = home.path().join("identity.json");
/// std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o644))?;
/// let Err(LocalAuthError::File(error)) = LocalAuth::open(home.path()) else { panic!("others can read it") };
/// assert_eq!(remedy(&error), format!("chmod 600 {}", identity.display()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// Others can read or write it.
    #[error("others can read or write {} (mode {mode:03o}): run `chmod {wanted:03o} {}`", path.display(), path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The bits it should have.
        wanted: u32,
    },
    /// It belongs to another user.
    #[error("{} belongs to user {owner}, not to user {us}: run as its owner, or move it away", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Its owner's id.
        owner: u32,
        /// Our user id.
        us: u32,
    },
    /// It is a link, a folder, a pipe or the like.
    #[error("{} is not what belongs there (a link, a folder, a pipe?): move it away", path.display())]
    NotPlain {
        /// The file.
        path: PathBuf,
    },
    /// It is larger than such a file can be.
    #[error("{} has {size} bytes, which is more than such a file can have: move it away", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// The system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PrivateFileError {
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, PrivateFileError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

pub(crate) type Result<T> = std::result::Result<T, PrivateFileError>;

pub(crate) fn io_at(path: &Path) -> impl Fn(io::Error) -> PrivateFileError + '_ {
    move |source| match source.raw_os_error() {
        // A link, and a pipe that nobody reads.
        Some(code)
            if [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO].map(|error| error.raw_os_error()).contains(&code) =>
        {
            PrivateFileError::NotPlain { path: path.to_owned() }
        }
        _ => PrivateFileError::Io { path: path.to_owned(), source },
    }
}

/// Makes the folder (0700, with the folders above it) where it is missing; refuses one that others own or can write.
pub(crate) fn ensure_folder(path: &Path) -> Result<()> {
    let known = std::fs::symlink_metadata(path).is_ok();
    if !known {
        let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_at(path))?;
        for made in missing {
            match made.parent() {
                Some(above) if above.as_os_str().is_empty() => sync_folder(Path::new("."))?,
                Some(above) => sync_folder(above)?,
                None => {}
            }
        }
    }
    let meta = std::fs::metadata(path).map_err(io_at(path))?;
    if !meta.is_dir() {
        return Err(PrivateFileError::NotPlain { path: path.to_owned() });
    }
    owned(path, &meta)?;
    if meta.mode() & 0o022 != 0 {
        return Err(PrivateFileError::OpenToOthers { path: path.to_owned(), mode: meta.mode() & 0o777, wanted: 0o700 });
    }
    Ok(())
}

/// Makes what was created or renamed in the folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_at(path))
}

/// Options for a private file: not through a link, 0600 where it is made.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options
}

/// Opens it and checks what was opened.
pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<File> {
    let file = options.open(path).map_err(io_at(path))?;
    trusted(path, &file)?;
    Ok(file)
}

/// Reads a small private file whole.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut file = open(path, options().read(true))?;
    let size = file.metadata().map_err(io_at(path))?.len();
    if size > most {
        return Err(PrivateFileError::TooLarge { path: path.to_owned(), size });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io_at(path))?;
    Ok(bytes)
}

/// Replaces the file as a whole, durably: the old content or the new one, never a part.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", uuid::Uuid::now_v7().simple()));
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut file = open(&beside, options().write(true).create_new(true))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_at(&beside))?;
        std::fs::rename(&beside, path).map_err(io_at(path))
    })();
    if written.is_err() {
        std::fs::remove_file(&beside).or_else(missing_is_fine).map_err(io_at(&beside))?;
    }
    written?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Creates the file with this content, durably; fails where it is already there.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = open(path, options().write(true).create_new(true))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_at(path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

pub(crate) fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn trusted(path: &Path, file: &File) -> Result<()> {
    let meta = file.metadata().map_err(io_at(path))?;
    if !meta.is_file() {
        return Err(PrivateFileError::NotPlain { path: path.to_owned() });
    }
    owned(path, &meta)?;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::OpenToOthers { path: path.to_owned(), mode, wanted: 0o600 });
    }
    Ok(())
}

fn owned(path: &Path, meta: &std::fs::Metadata) -> Result<()> {
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() == us {
        Ok(())
    } else {
        Err(PrivateFileError::NotOurs { path: path.to_owned(), owner: meta.uid(), us })
    }
}
