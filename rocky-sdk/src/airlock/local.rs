//! Door 1 of a self-host build: one person, known by a file.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::fs::{AtFlags, CWD, StatxFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Airlock, Credentials, Session, Unresolved};
use crate::{
    BoxFuture, Rank,
    private_files::{self, PrivateFileError},
};

const IDENTITY: &str = "identity.json";
const TOKEN: &str = "token";
const TENANT: &str = "local";
const LARGEST: u64 = 16 * 1024;

/// The one local user. `identity.json` (0600) says who it is, which role they have and what their token hashes to;
/// only a bearer token is taken, on loopback as anywhere.
///
/// The file is checked again whenever it changes, so that a new token or role counts from the next request on. While it
/// cannot be trusted, nobody is let in: 503 `airlock-unavailable`.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// let (auth, first) = rocky_sdk::LocalAuth::open(home.path())?;
/// let token = first.expect("a new home").token; // printed once, kept in `token` (0600)
/// # drop((auth, token));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LocalAuth(Arc<Known>);

struct Known {
    path: PathBuf,
    identity: Mutex<(Stamp, Identity)>,
}

/// What the first start made.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// use rocky_sdk::{LocalAuth, airlock::FirstStart};
///
/// let (_auth, first) = LocalAuth::open(home.path())?;
/// let FirstStart { token, token_file } = first.expect("a new home");
/// eprintln!("this token is shown once, and kept in {}: {token}", token_file.display());
///
/// let (_auth, first) = LocalAuth::open(home.path())?;
/// assert!(first.is_none()); // later starts find the identity, and have no token to show
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FirstStart {
    /// The bearer token. It is printed once; the operator's copy is in the file `token`, which may be deleted.
    pub token: String,
    /// Where that copy is.
    pub token_file: PathBuf,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    subject: String,
    name: String,
    role: Rank,
    token_sha256: String,
}

/// The identity file cannot be used.
///
/// Each says in its own text what to do; a program that starts a service needs to know who is to do it:
/// ```
/// # let home = tempfile::tempdir()?;
/// # rocky_sdk::LocalAuth::open(home.path())?;
/// use rocky_sdk::{LocalAuth, airlock::LocalAuthError};
///
/// fn whose_turn(error: &LocalAuthError) -> &'static str {
///     match error {
///         LocalAuthError::File(_) => "the administrator's: an owner, a mode or a disk is wrong",
///         LocalAuthError::Unreadable { .. } => "the operator's, who edited the file",
///         LocalAuthError::Random(_) => "nobody's yet: start again once the system has random bytes",
///     }
/// }
///
/// std::fs::write(home.path().join("identity.json"), r#"{ "name": "ada" }"#)?;
/// let error = LocalAuth::open(home.path()).unwrap_err();
/// assert_eq!(whose_turn(&error), "the operator's, who edited the file");
/// assert!(error.to_string().contains("missing field `subject`"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
pub enum LocalAuthError {
    /// It is missing where it should be, or cannot be trusted.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// It does not hold an identity.
    #[error(
        "{} does not hold an identity ({reason}): write {{\"subject\",\"name\",\"role\",\"token_sha256\"}} with role \
         admin, operator or observer, or move the file away and start again for a new one",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The system gave no randomness for a token.
    #[error("the system gave no random bytes for a token: {0}")]
    Random(String),
}

type Result<T> = std::result::Result<T, LocalAuthError>;

/// Tells two states of a file apart without reading it.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Stamp([u64; 6]);

impl LocalAuth {
    /// Reads `identity.json` in `home`; in a home without one, makes it, with a random token.
    ///
    /// # Errors
    /// [`LocalAuthError`] when the file can be read by others, is not ours, is truncated, or holds no identity.
    pub fn open(home: &Path) -> Result<(Self, Option<FirstStart>)> {
        private_files::ensure_folder(home)?;
        let path = home.join(IDENTITY);
        let first = match std::fs::symlink_metadata(&path) {
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(begin(home)?),
            Err(error) => return Err(private_files::io_at(&path)(error).into()),
        };
        let identity = Mutex::new(load(&path)?);
        Ok((LocalAuth(Arc::new(Known { path, identity })), first))
    }

    /// Gives the user in `home` a new token; the old one is worth nothing from then on. Returns it and where its copy is.
    ///
    /// # Errors
    /// As [`LocalAuth::open`]; also when `home` has no identity yet.
    pub fn new_token(home: &Path) -> Result<FirstStart> {
        let path = home.join(IDENTITY);
        let (_, mut identity) = load(&path)?;
        let token = random_token()?;
        identity.token_sha256 = digest(&token);
        let first = hand_over(home, token)?;
        private_files::replace(&path, &rendered(&path, &identity)?)?;
        Ok(first)
    }

    /// The session of whoever shows the token, read from the file as it is now.
    fn session(&self, credentials: &Credentials) -> std::result::Result<Session, Unresolved> {
        let unavailable = |error: LocalAuthError| Unresolved::Unavailable(error.to_string());
        let mut known = self.0.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.0.path).map_err(|error| unavailable(error.into()))?;
        if stamp != known.0 {
            *known = load(&self.0.path).map_err(unavailable)?;
        }
        known.1.session(credentials)
    }

    /// The same where the file is known to be what it was, and that is known at once: what the kernel has of it is asked,
    /// and the disk only for a path that it has forgotten.
    fn session_at_once(&self, credentials: &Credentials) -> Option<std::result::Result<Session, Unresolved>> {
        let known = self.0.identity.try_lock().ok()?;
        let stamp = stamp_with(&self.0.path, AtFlags::STATX_DONT_SYNC).ok()?;
        (stamp == known.0).then(|| known.1.session(credentials))
    }
}

impl Identity {
    fn session(&self, credentials: &Credentials) -> std::result::Result<Session, Unresolved> {
        let token = credentials.token().ok_or(Unresolved::Stranger("no bearer token"))?;
        // Digests are compared, not tokens: how long it takes says nothing of the token.
        if digest(token) != self.token_sha256 {
            return Err(Unresolved::Stranger("wrong bearer token"));
        }
        Session::new(&self.subject, TENANT, self.role).map_err(|error| Unresolved::Unavailable(error.to_string()))
    }
}

impl Airlock for LocalAuth {
    fn resolve<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, std::result::Result<Session, Unresolved>> {
        if let Some(session) = self.session_at_once(credentials) {
            return Box::pin(std::future::ready(session));
        }
        let (auth, credentials) = (self.clone(), credentials.clone());
        // A disk that hangs must not hold up whoever else runs here: Airlock's limit ends the wait.
        let session = tokio::task::spawn_blocking(move || auth.session(&credentials));
        Box::pin(async move { session.await.unwrap_or_else(|error| Err(Unresolved::Unavailable(error.to_string()))) })
    }
}

impl std::fmt::Debug for LocalAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalAuth({})", self.0.path.display())
    }
}

impl std::fmt::Debug for FirstStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FirstStart({})", self.token_file.display())
    }
}

fn begin(home: &Path) -> Result<FirstStart> {
    let token = random_token()?;
    let identity = Identity {
        subject: format!("local-{}", uuid::Uuid::now_v7().simple()),
        name: "local operator".to_owned(),
        role: Rank::Admin,
        token_sha256: digest(&token),
    };
    // The token's copy first: an identity whose token nobody has would lock its owner out.
    let first = hand_over(home, token)?;
    let path = home.join(IDENTITY);
    private_files::replace(&path, &rendered(&path, &identity)?)?;
    Ok(first)
}

fn hand_over(home: &Path, token: String) -> Result<FirstStart> {
    let token_file = home.join(TOKEN);
    private_files::replace(&token_file, format!("{token}\n").as_bytes())?;
    Ok(FirstStart { token, token_file })
}

fn load(path: &Path) -> Result<(Stamp, Identity)> {
    // The stamp before the content: a change in between is then seen at the next request.
    let stamp = stamp(path)?;
    let bytes = private_files::read(path, LARGEST)?;
    let unreadable = |reason: String| LocalAuthError::Unreadable { path: path.to_owned(), reason };
    let identity: Identity = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
    if identity.token_sha256.len() != 64 || hex::decode(&identity.token_sha256).is_err() {
        return Err(unreadable("token_sha256 is not 64 hex digits".to_owned()));
    }
    Session::new(&identity.subject, TENANT, identity.role).map_err(|error| unreadable(error.to_string()))?;
    let token_sha256 = identity.token_sha256.to_ascii_lowercase();
    Ok((stamp, Identity { token_sha256, ..identity }))
}

fn stamp(path: &Path) -> private_files::Result<Stamp> {
    stamp_with(path, AtFlags::empty())
}

fn stamp_with(path: &Path, flags: AtFlags) -> private_files::Result<Stamp> {
    let flags = flags | AtFlags::SYMLINK_NOFOLLOW;
    let meta = rustix::fs::statx(CWD, path, flags, StatxFlags::BASIC_STATS);
    let meta = meta.map_err(|error| private_files::io_at(path)(error.into()))?;
    let device = rustix::fs::makedev(meta.stx_dev_major, meta.stx_dev_minor);
    let changed = (meta.stx_ctime.tv_sec.cast_unsigned(), u64::from(meta.stx_ctime.tv_nsec));
    Ok(Stamp([device, meta.stx_ino, meta.stx_size, u64::from(meta.stx_mode), changed.0, changed.1]))
}

fn rendered(path: &Path, identity: &Identity) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(identity)
        .map_err(|error| LocalAuthError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    text.push(b'\n');
    Ok(text)
}

fn random_token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| LocalAuthError::Random(error.to_string()))?;
    Ok(format!("rocky_{}", hex::encode(bytes)))
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn who(auth: &LocalAuth, token: &str) -> std::result::Result<Session, Unresolved> {
        auth.session(&Credentials::bearer(token))
    }

    #[test]
    fn the_first_start_makes_an_identity_and_later_ones_keep_it() {
        let home = tempfile::tempdir().unwrap();
        let (auth, first) = LocalAuth::open(home.path()).unwrap();
        let token = first.unwrap().token;
        let session = who(&auth, &token).unwrap();
        assert_eq!((session.tenant(), session.role()), ("local", Rank::Admin));
        assert!(matches!(who(&auth, "rocky_wrong"), Err(Unresolved::Stranger(_))));
        assert!(matches!(auth.session(&Credentials::none()), Err(Unresolved::Stranger(_))));
        for file in [IDENTITY, TOKEN] {
            let mode = std::fs::metadata(home.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        std::fs::remove_file(home.path().join(TOKEN)).unwrap();
        let (again, first) = LocalAuth::open(home.path()).unwrap();
        assert!(first.is_none());
        assert!(who(&again, &token).is_ok());
    }

    #[test]
    fn a_new_token_or_role_counts_from_the_next_request_on() {
        let home = tempfile::tempdir().unwrap();
        let (auth, first) = LocalAuth::open(home.path()).unwrap();
        let old = first.unwrap().token;
        let new = LocalAuth::new_token(home.path()).unwrap().token;
        assert!(who(&auth, &old).is_err());
        assert!(who(&auth, &new).is_ok());
        let path = home.path().join(IDENTITY);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("admin", "observer")).unwrap();
        assert_eq!(who(&auth, &new).unwrap().role(), Rank::Observer);
    }

    #[test]
    fn an_identity_that_cannot_be_trusted_refuses_and_says_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let (auth, first) = LocalAuth::open(home.path()).unwrap();
        let token = first.unwrap().token;
        let path = home.path().join(IDENTITY);
        let good = std::fs::read_to_string(&path).unwrap();
        let refusal = || LocalAuth::open(home.path()).unwrap_err().to_string();

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(refusal().contains("chmod 600"), "{}", refusal());
        assert!(matches!(who(&auth, &token), Err(Unresolved::Unavailable(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(who(&auth, &token).is_ok());

        for bad in [&good[..good.len() / 2], "", "[]", &good.replace("admin", "root"), &good.replace("name", "nom")] {
            std::fs::write(&path, bad).unwrap();
            assert!(refusal().contains("does not hold an identity"), "{}", refusal());
            assert!(matches!(who(&auth, &token), Err(Unresolved::Unavailable(_))));
        }

        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(refusal().contains("not what belongs there"), "{}", refusal());
    }

    #[test]
    fn an_identity_of_another_user_refuses() {
        let home = tempfile::tempdir().unwrap();
        drop(LocalAuth::open(home.path()).unwrap());
        let path = home.path().join(IDENTITY);
        // Only root can give a file away; elsewhere the same check is met with a file that is root's.
        let path = match std::os::unix::fs::chown(&path, Some(12345), None) {
            Ok(()) => path,
            Err(_) => PathBuf::from("/etc/hostname"),
        };
        let refused = load(&path).map(drop).unwrap_err().to_string();
        assert!(refused.contains("belongs to user"), "{refused}");
    }
}
