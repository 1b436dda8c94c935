//! Door 1 of a cloud build: a BetterAuth server says whose the caller's session cookie is, each time anew.

mod answer;
mod cookie;
mod origin;

use std::time::Duration;

use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT, COOKIE},
};
use jiff::Timestamp;
use reqwest::{Client, Url};

use self::{answer::Claim, cookie::Names};
use super::{Airlock, Credentials, Session, Unresolved};
use crate::{BoxFuture, https};

/// A session and its user have a kilobyte or two.
const LARGEST: usize = 64 * 1024;
/// BetterAuth's own cookie cache would let somebody in who was banned since. And to be asked about is not to be there: a
/// session gets no longer of it.
const FRESH: &str = "disableCookieCache=true&disableRefresh=true";

/// The people of a BetterAuth server, known by its session cookie and by nothing else: a bearer token opens nothing.
///
/// Each request is one GET at the server, on a connection that is kept; nothing is remembered. Of what the caller sent,
/// the server gets the session cookie alone.
///
/// - **Role.** `user.role` may name several, as in `operator,observer`: the highest of `admin`, `operator` and
///   `observer` counts. Whoever has none of them is nobody here.
/// - **Banned.** Whoever is banned is nobody, and so is whoever acts as somebody else (`impersonatedBy`): an audit
///   event names who did it.
/// - **Writes.** A cookie comes along whoever wrote the page, so a write says where it is from: one `Origin`, of this
///   very host or of [`origins`](BetterAuthOptions::origins). From elsewhere, or without one, it is 403 `cross-site`.
///
/// A server that cannot be reached in time, or that answers anything but 200 and JSON, has decided about nobody: 503
/// `airlock-unavailable`. Its own rate limit counts all calls from here as one caller's and is on in production: on the
/// server, `rateLimit.customRules` should say `{ "/get-session": false }`.
///
/// ```
/// use std::time::Duration;
/// use rocky_sdk::{Airlock, Credentials, airlock::{BetterAuth, BetterAuthOptions, Unresolved}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut options = BetterAuthOptions::new("https://auth.example.com");
/// options.cookie = "acme.session_token".to_owned(); // the server's `cookiePrefix` is `acme`
/// options.tenant = "session.activeOrganizationId".to_owned(); // else each user is a tenant
/// options.origins = vec!["https://app.example.com".to_owned()]; // a page that is served elsewhere
/// options.time_out = Duration::from_secs(1);
/// assert!(!options.insecure);
///
/// let airlock = BetterAuth::new(options)?;
/// let nobody = airlock.resolve(&Credentials::bearer("a session's token")).await;
/// assert!(matches!(nobody, Err(Unresolved::Stranger(_))));
/// # Ok(())
/// # }
/// ```
pub struct BetterAuth {
    client: Client,
    get_session: Url,
    cookie: Names,
    tenant: Claim,
    origins: Vec<String>,
}

/// Where the server is, and what it says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BetterAuthOptions {
    /// The server's `baseURL`; without a path, `/api/auth` is added. It is https, unless its host is `localhost` or a
    /// loopback address.
    pub url: String,
    /// The session cookie's name without `__Secure-`, which may or may not be there; `better-auth.session_token` unless
    /// said otherwise.
    pub cookie: String,
    /// Which claim names the tenant: `user.` or `session.` and a field, of which the value is text. `user.id` unless
    /// said otherwise: each user is a tenant of their own.
    pub tenant: String,
    /// Origins, other than this service's own, whose pages may write: `https://app.example.com`.
    pub origins: Vec<String>,
    /// How long the server may take, from the look for its address to the answer's last byte: 2 s unless said
    /// otherwise. The doors do not wait longer than [`Limits::airlock`](crate::Limits).
    pub time_out: Duration,
    /// Asks a server on another machine without TLS, where session cookies can be read on the way.
    pub insecure: bool,
}

/// The server cannot be asked like that.
///
/// ```
/// use rocky_sdk::airlock::{BetterAuth, BetterAuthError, BetterAuthOptions};
///
/// /// The setting that is to be looked at.
/// fn setting(error: &BetterAuthError) -> Option<&'static str> {
///     match error {
///         BetterAuthError::Url(_) => Some("ROCKY_AIRLOCK_URL"),
///         BetterAuthError::Cookie(_) => Some("ROCKY_AIRLOCK_COOKIE"),
///         BetterAuthError::Tenant(_) | BetterAuthError::Origin(_) => Some("what main.rs says"),
///         BetterAuthError::Client(_) => None, // it is this machine: no certificates, say
///     }
/// }
///
/// let error = BetterAuth::new(BetterAuthOptions::new("http://auth.example.com")).unwrap_err();
/// assert_eq!(setting(&error), Some("ROCKY_AIRLOCK_URL"));
/// assert!(error.to_string().contains("it is not https"), "{error}");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum BetterAuthError {
    /// Nobody should be asked there. The text has why, and not the URL, which may hold a secret.
    #[error("Airlock's URL cannot be used: {0}; write the BetterAuth server's, as in `https://auth.example.com`")]
    Url(&'static str),
    /// No cookie has that name.
    #[error(
        "`{0}` is not a session cookie's name: write it as the server calls it, without `__Secure-`, as in \
         `better-auth.session_token`"
    )]
    Cookie(String),
    /// No claim has that name.
    #[error("`{0}` is not a claim that names a tenant: write `user.` or `session.` and a field, as in `user.id`")]
    Tenant(String),
    /// No browser sends that.
    #[error(
        "`{0}` is not an origin: write a scheme, a host in lower case, a port that is not the scheme's own, and no \
         more, as in `https://app.example.com`"
    )]
    Origin(String),
    /// The system gave nothing to ask with.
    #[error("no HTTP client could be made: {0}")]
    Client(String),
}

impl BetterAuthOptions {
    /// The defaults, for the server at this URL.
    pub fn new(url: impl Into<String>) -> Self {
        BetterAuthOptions {
            url: url.into(),
            cookie: "better-auth.session_token".to_owned(),
            tenant: "user.id".to_owned(),
            origins: Vec::new(),
            time_out: Duration::from_secs(2),
            insecure: false,
        }
    }
}

impl BetterAuth {
    /// Takes the options as they are; the server is asked for the first time when somebody comes.
    ///
    /// # Errors
    /// [`BetterAuthError`], with the option that cannot be used.
    pub fn new(options: BetterAuthOptions) -> Result<Self, BetterAuthError> {
        let BetterAuthOptions { url, cookie, tenant, origins, time_out, insecure } = options;
        let mut get_session = https::address(&url, insecure).map_err(BetterAuthError::Url)?;
        let base = get_session.path().trim_end_matches('/');
        let path = format!("{}/get-session", if base.is_empty() { "/api/auth" } else { base });
        get_session.set_path(&path);
        get_session.set_query(Some(FRESH));
        let cookie = Names::of(&cookie).ok_or(BetterAuthError::Cookie(cookie))?;
        let tenant = Claim::parse(&tenant).ok_or(BetterAuthError::Tenant(tenant))?;
        if let Some(odd) = origins.iter().find(|origin| !origin::is_one(origin)) {
            return Err(BetterAuthError::Origin(odd.clone()));
        }
        let client = https::client(time_out).map_err(|error| BetterAuthError::Client(https::told(&error)))?;
        Ok(BetterAuth { client, get_session, cookie, tenant, origins })
    }

    async fn session(&self, credentials: &Credentials) -> Result<Session, Unresolved> {
        let browser = credentials.browser().ok_or(Unresolved::Stranger("no cookie"))?;
        let cookie = self.cookie.choose(&browser.cookies)?;
        if browser.writes && !origin::is_ours(browser, &self.origins) {
            return Err(Unresolved::CrossSite);
        }
        let body = self.ask(cookie).await.map_err(Unresolved::Unavailable)?;
        answer::session(&body, &self.tenant, Timestamp::now())
    }

    async fn ask(&self, cookie: HeaderValue) -> Result<Vec<u8>, String> {
        let request = self.client.get(self.get_session.clone()).header(COOKIE, cookie);
        let answer = request.header(ACCEPT, "application/json").send().await.map_err(|error| https::told(&error))?;
        match answer.status() {
            StatusCode::OK => https::body(answer, LARGEST).await,
            other => Err(format!("it answered {}", other.as_u16())),
        }
    }
}

impl Airlock for BetterAuth {
    fn resolve<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Session, Unresolved>> {
        Box::pin(self.session(credentials))
    }
}

impl std::fmt::Debug for BetterAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BetterAuth({})", self.get_session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut BetterAuthOptions)) -> Result<BetterAuth, BetterAuthError> {
        let mut options = BetterAuthOptions::new("https://auth.example.com");
        change(&mut options);
        BetterAuth::new(options)
    }

    #[test]
    fn the_session_is_asked_for_below_the_base_url() {
        for (url, asked) in [
            ("https://auth.example.com", "https://auth.example.com/api/auth/get-session"),
            ("https://auth.example.com/", "https://auth.example.com/api/auth/get-session"),
            ("https://auth.example.com/base/", "https://auth.example.com/base/get-session"),
            ("http://127.0.0.1:3000/api/auth", "http://127.0.0.1:3000/api/auth/get-session"),
        ] {
            let airlock = with(|options| options.url = url.to_owned()).unwrap();
            let fresh = "disableCookieCache=true&disableRefresh=true";
            assert_eq!(airlock.get_session.as_str(), format!("{asked}?{fresh}"));
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_to_write() {
        let refused = |change: fn(&mut BetterAuthOptions)| with(change).unwrap_err().to_string();
        assert!(refused(|options| options.url = "http://10.0.0.7".to_owned()).contains("it is not https"));
        assert!(!refused(|options| options.url = "https://ada:secret@a".to_owned()).contains("secret"));
        assert!(refused(|options| options.cookie = "__Secure-a".to_owned()).contains("without `__Secure-`"));
        assert!(refused(|options| options.tenant = "id".to_owned()).contains("as in `user.id`"));
        assert!(refused(|options| options.origins = vec!["https://a/".to_owned()]).contains("not an origin"));
    }
}
