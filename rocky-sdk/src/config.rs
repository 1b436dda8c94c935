//! `ROCKY_*` to settings, or a sentence that says why not. A setting that this build cannot honour refuses to start;
//! nothing falls back to something weaker.

use std::{fmt, path::PathBuf};

use crate::Tier;

/// What a service is told from outside.
///
/// ```
/// use rocky_sdk::{config::{Auth, BillingMode, Config}, hatch::JournalOptions};
///
/// let config = Config::from_vars(|name| match name {
///     "ROCKY_AUTH" => Some("local".to_owned()), // the default of a build without the cloud's features
///     "ROCKY_BILLING" => Some("disabled".to_owned()),
///     "ROCKY_HOME" => Some("/var/lib/rocky".to_owned()),
///     "ROCKY_HATCH_SEGMENT_MIB" => Some("8".to_owned()),
///     "ROCKY_HATCH_KEEP" => Some("100".to_owned()),
///     _ => None,
/// })?;
/// assert_eq!((&config.auth, &config.billing), (&Auth::Local, &BillingMode::Disabled));
/// assert_eq!(config.listen, "127.0.0.1:7070");
///
/// let mut options = JournalOptions::new("keys");
/// options.segment_bytes = config.hatch_segment_bytes; // 8 MiB
/// options.keep_segments = config.hatch_keep;
/// assert_eq!((options.segment_bytes, options.keep_segments), (8 << 20, Some(100)));
///
/// let refused = Config::from_vars(|name| match name {
///     "ROCKY_AUTH" => Some("local".to_owned()),
///     "ROCKY_BILLING" => Some("enabled".to_owned()),
///     _ => None,
/// });
/// assert!(refused.unwrap_err().to_string().contains("a local identity has no customer"));
/// # Ok::<(), rocky_sdk::config::Refused>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// `ROCKY_AUTH`: who says who somebody is. `local` unless said otherwise; a build with a feature of the cloud has
    /// no default.
    pub auth: Auth,
    /// `ROCKY_BILLING`: whether tiers are paid for. `disabled` unless said otherwise; a build with a feature of the
    /// cloud has no default.
    pub billing: BillingMode,
    /// `ROCKY_HOME`: the folder of everything that is kept; `rocky-home` unless said otherwise.
    pub home: PathBuf,
    /// `ROCKY_LISTEN`: the address to listen on; `127.0.0.1:7070` unless said otherwise. `:0` takes a free port.
    pub listen: String,
    /// `ROCKY_HATCH_SEGMENT_MIB`, a whole number of MiB from 1 to 1,048,576, in bytes here: from this size on a segment
    /// of the journal is sealed and the next one begun; 64 MiB unless said otherwise.
    pub hatch_segment_bytes: u64,
    /// `ROCKY_HATCH_KEEP`, a whole number from 1: how many sealed segments are kept, the older ones taken away; unset
    /// keeps them all.
    pub hatch_keep: Option<u64>,
}

/// Who says who somebody is.
///
/// ```
/// use rocky_sdk::config::Auth;
///
/// fn told(auth: &Auth) -> String {
///     match auth {
///         Auth::Local => "one local user".to_owned(),
///         Auth::Airlock { url, .. } => format!("whoever has a session at {url}"),
///         _ => "somebody".to_owned(), // a mode of a later version
///     }
/// }
///
/// assert_eq!(told(&Auth::Local), "one local user");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Auth {
    /// `local`: `LocalAuth`, one local user.
    Local,
    /// `airlock`: a BetterAuth server. Only a build with the feature `airlock` starts so.
    #[non_exhaustive]
    Airlock {
        /// `ROCKY_AIRLOCK_URL`: where that server is.
        url: String,
        /// `ROCKY_AIRLOCK_COOKIE`: the name of its session cookie, without `__Secure-`; unset is BetterAuth's own.
        cookie: Option<String>,
        /// `ROCKY_AIRLOCK_TENANT`: what of a session says the tenant, `user.FIELD` or `session.FIELD`; unset is the user's id.
        tenant: Option<String>,
        /// `ROCKY_AIRLOCK_ORIGINS`: other origins than the service's own whose pages may write, with commas between them.
        origins: Vec<String>,
    },
}

/// Whether tiers are paid for.
///
/// ```
/// use rocky_sdk::config::BillingMode;
///
/// fn told(billing: &BillingMode) -> &'static str {
///     match billing {
///         BillingMode::Disabled => "every tier is yours",
///         BillingMode::Enabled { .. } => "tiers above solo are paid for",
///         _ => "ask whoever runs this", // a mode of a later version
///     }
/// }
///
/// assert_eq!(told(&BillingMode::Disabled), "every tier is yours");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BillingMode {
    /// `disabled`: nobody is asked.
    Disabled,
    /// `enabled`: Polar is asked. Only a build with the feature `polar` starts so.
    #[non_exhaustive]
    Enabled {
        /// `ROCKY_POLAR_URL`: where it is; unset is its production.
        url: Option<String>,
        /// `ROCKY_POLAR_TOKEN`: what it is asked with.
        token: Secret,
        /// `ROCKY_POLAR_WEBHOOK_SECRET`: what its webhooks are signed with; unset takes no webhooks.
        webhook_secret: Option<Secret>,
        /// `ROCKY_POLAR_CHECKOUT`, as `team=ID,business=ID`: the products that whoever lacks a tier is sent to pay for; unset
        /// sends nobody.
        checkout: Vec<(Tier, String)>,
        /// `ROCKY_POLAR_SUCCESS_URL`: where Polar sends whoever has paid.
        success_url: Option<String>,
    },
}

/// A text that is never printed.
///
/// ```
/// use rocky_sdk::config::Secret;
///
/// let secret = Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(redacted)");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text. For adapters.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// A setting that this build cannot honour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// The features of the cloud that a build has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Features {
    airlock: bool,
    polar: bool,
    postgres: bool,
}

/// What this build has. Nothing else here asks how it was built, so that one build can test the settings of all.
const THIS_BUILD: Features =
    Features { airlock: cfg!(feature = "airlock"), polar: cfg!(feature = "polar"), postgres: false };

/// Settings that only one mode reads: the setting, the feature, and the mode.
const CLOUD: [(&str, &str, &str); 10] = [
    ("ROCKY_AIRLOCK_URL", "airlock", "ROCKY_AUTH=airlock"),
    ("ROCKY_AIRLOCK_COOKIE", "airlock", "ROCKY_AUTH=airlock"),
    ("ROCKY_AIRLOCK_TENANT", "airlock", "ROCKY_AUTH=airlock"),
    ("ROCKY_AIRLOCK_ORIGINS", "airlock", "ROCKY_AUTH=airlock"),
    ("ROCKY_POLAR_URL", "polar", "ROCKY_BILLING=enabled"),
    ("ROCKY_POLAR_TOKEN", "polar", "ROCKY_BILLING=enabled"),
    ("ROCKY_POLAR_WEBHOOK_SECRET", "polar", "ROCKY_BILLING=enabled"),
    ("ROCKY_POLAR_CHECKOUT", "polar", "ROCKY_BILLING=enabled"),
    ("ROCKY_POLAR_SUCCESS_URL", "polar", "ROCKY_BILLING=enabled"),
    ("ROCKY_DATABASE_URL", "postgres", "ROCKY_HATCH=postgres"),
];

/// No segment is larger: 1 TiB.
const LARGEST_SEGMENT_MIB: u64 = 1 << 20;

impl Features {
    fn has(self, feature: &str) -> bool {
        match feature {
            "airlock" => self.airlock,
            "polar" => self.polar,
            _ => self.postgres,
        }
    }

    /// With one of them a service is a cloud's: what it is to do is said, and not guessed.
    fn any(self) -> bool {
        self.airlock || self.polar || self.postgres
    }
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`Refused`], with one sentence.
    pub fn from_env() -> Result<Self, Refused> {
        let ours = [
            "ROCKY_AUTH",
            "ROCKY_BILLING",
            "ROCKY_HATCH",
            "ROCKY_LISTEN",
            "ROCKY_HATCH_SEGMENT_MIB",
            "ROCKY_HATCH_KEEP",
        ];
        for name in ours.into_iter().chain(CLOUD.map(|(name, ..)| name)) {
            if std::env::var_os(name).is_some_and(|value| value.to_str().is_none()) {
                return Err(Refused(format!("{name} is not UTF-8: write it as text.")));
            }
        }
        let mut config = Config::from_vars(|name| std::env::var(name).ok())?;
        if let Some(home) = std::env::var_os("ROCKY_HOME").filter(|home| home.to_str().is_none()) {
            config.home = home.into(); // a path need not be text
        }
        Ok(config)
    }

    /// Reads the variables that `get` knows.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn from_vars(get: impl Fn(&str) -> Option<String>) -> Result<Self, Refused> {
        Config::read(&get, THIS_BUILD)
    }

    fn read(get: &impl Fn(&str) -> Option<String>, built: Features) -> Result<Self, Refused> {
        let (auth, billing) = (get("ROCKY_AUTH"), get("ROCKY_BILLING"));
        if auth.as_deref() == Some("local") && billing.as_deref() == Some("enabled") {
            let also = "; billing also needs the feature `polar`, which this build does not have";
            return Err(Refused(format!(
                "ROCKY_AUTH=local and ROCKY_BILLING=enabled do not go together: a local identity has no customer{}.",
                if built.polar { "" } else { also }
            )));
        }
        let airlock = chosen("ROCKY_AUTH", auth, "local", ("airlock", "airlock"), built, !built.any())?;
        let enabled = chosen("ROCKY_BILLING", billing, "disabled", ("enabled", "polar"), built, !built.any())?;
        let postgres = chosen("ROCKY_HATCH", get("ROCKY_HATCH"), "journal", ("postgres", "postgres"), built, true)?;
        for (name, feature, mode) in CLOUD {
            if get(name).is_none() {
                continue;
            }
            if !built.has(feature) {
                return Err(Refused(format!(
                    "{name} is set and needs the feature `{feature}`, which this build does not have: unset it, or build with the feature."
                )));
            }
            let read = match feature {
                "airlock" => airlock,
                "polar" => enabled,
                _ => postgres,
            };
            if !read {
                return Err(Refused(format!("{name} is set and only {mode} reads it: unset it, or write {mode}.")));
            }
        }
        let mut read_by_this = vec!["ROCKY_HOME", "ROCKY_LISTEN"];
        read_by_this.extend(CLOUD.map(|(name, ..)| name));
        for name in read_by_this {
            if get(name).is_some_and(|value| value.is_empty()) {
                return Err(Refused(format!("{name} is empty: write a value, or unset it.")));
            }
        }
        let needed = |name: &str, mode: &str, what: &str| {
            get(name).ok_or_else(|| Refused(format!("{mode} needs {name}: write {what}.")))
        };
        let auth = if airlock {
            let url = needed("ROCKY_AIRLOCK_URL", "ROCKY_AUTH=airlock", "where the BetterAuth server is")?;
            let origins = get("ROCKY_AIRLOCK_ORIGINS").unwrap_or_default();
            let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned);
            Auth::Airlock {
                url,
                cookie: get("ROCKY_AIRLOCK_COOKIE"),
                tenant: get("ROCKY_AIRLOCK_TENANT"),
                origins: origins.collect(),
            }
        } else {
            Auth::Local
        };
        let billing = if enabled {
            let token = needed("ROCKY_POLAR_TOKEN", "ROCKY_BILLING=enabled", "the organization's access token")?;
            BillingMode::Enabled {
                url: get("ROCKY_POLAR_URL"),
                token: Secret(token),
                webhook_secret: get("ROCKY_POLAR_WEBHOOK_SECRET").map(Secret),
                checkout: products(&get("ROCKY_POLAR_CHECKOUT").unwrap_or_default())?,
                success_url: get("ROCKY_POLAR_SUCCESS_URL"),
            }
        } else {
            BillingMode::Disabled
        };
        let segment = whole("ROCKY_HATCH_SEGMENT_MIB", get, LARGEST_SEGMENT_MIB, "for the default of 64")?;
        // 0 could be meant as `all`, and would take nearly all of an audit log away.
        let keep = whole("ROCKY_HATCH_KEEP", get, u64::MAX, "to keep all sealed segments")?;
        Ok(Config {
            auth,
            billing,
            home: get("ROCKY_HOME").unwrap_or_else(|| "rocky-home".to_owned()).into(),
            listen: get("ROCKY_LISTEN").unwrap_or_else(|| "127.0.0.1:7070".to_owned()),
            hatch_segment_bytes: segment.unwrap_or(64) << 20,
            hatch_keep: keep,
        })
    }
}

/// A whole number from 1 to `most`; what it means to leave it unset stands in the refusal.
fn whole(name: &str, get: impl Fn(&str) -> Option<String>, most: u64, unset: &str) -> Result<Option<u64>, Refused> {
    let Some(value) = get(name) else { return Ok(None) };
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
        _ => Err(Refused(format!(
            "{name}={value} is not a whole number from 1 to {most}: write one, or unset it {unset}."
        ))),
    }
}

/// Of `team=ID,business=ID`.
fn products(text: &str) -> Result<Vec<(Tier, String)>, Refused> {
    let no = |pair: &str| {
        Refused(format!(
            "ROCKY_POLAR_CHECKOUT has {pair:?}, which is no tier above solo and its product: write team=ID,business=ID."
        ))
    };
    let mut products: Vec<(Tier, String)> = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (tier, product) = pair.split_once('=').ok_or_else(|| no(pair))?;
        let tier = [Tier::Team, Tier::Business].into_iter().find(|known| known.as_str() == tier.trim());
        let tier = tier.ok_or_else(|| no(pair))?;
        if product.trim().is_empty() || products.iter().any(|(known, _)| *known == tier) {
            return Err(no(pair));
        }
        products.push((tier, product.trim().to_owned()));
    }
    Ok(products)
}

/// Whether it is the mode that needs a feature, and not the one that every build has. Unset is that one where a build
/// has a default.
fn chosen(
    name: &str,
    value: Option<String>,
    ours: &str,
    (theirs, feature): (&str, &str),
    built: Features,
    has_default: bool,
) -> Result<bool, Refused> {
    let has = built.has(feature);
    match value.as_deref() {
        None if has_default => Ok(false),
        None if has => Err(Refused(format!(
            "{name} is not set, and a build for the cloud has no default for it: write {name}={theirs}, or {name}={ours}."
        ))),
        None => Err(Refused(format!(
            "{name} is not set, and a build for the cloud has no default for it: write {name}={ours}, or build with the feature `{feature}`."
        ))),
        Some(value) if value == ours => Ok(false),
        Some(value) if value == theirs && has => Ok(true),
        Some(value) if value == theirs => Err(Refused(format!(
            "{name}={value} needs the feature `{feature}`, which this build does not have: write {name}={ours}, or build with the feature."
        ))),
        Some(value) if has => {
            Err(Refused(format!("{name}={value} is not a mode: write {name}={theirs}, or {name}={ours}.")))
        }
        Some(value) => Err(Refused(format!("{name}={value} is not a mode: write {name}={ours}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELF_HOST: Features = Features { airlock: false, polar: false, postgres: false };
    const AIRLOCK: Features = Features { airlock: true, ..SELF_HOST };
    const POLAR: Features = Features { polar: true, ..SELF_HOST };
    const CLOUD_BUILD: Features = Features { airlock: true, polar: true, ..SELF_HOST };

    fn with(vars: &[(&str, &str)], built: Features) -> Result<Config, Refused> {
        let get = |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::read(&get, built)
    }

    fn refused(vars: &[(&str, &str)], built: Features, says: &str) {
        let said = with(vars, built).map(|config| format!("it starts: {config:?}")).unwrap_or_else(|no| no.to_string());
        assert!(said.contains(says) && said.ends_with('.') && !said.contains('\n'), "{built:?} {vars:?}: {said}");
    }

    /// What a build makes of the two settings, every one of them; what its modes need is set.
    #[test]
    fn every_mode_in_every_build_starts_or_says_why_not() {
        const NO_CUSTOMER: &str = "a local identity has no customer";
        const AIRLOCK_MISSING: &str = "needs the feature `airlock`, which this build does not have";
        const POLAR_MISSING: &str = "needs the feature `polar`, which this build does not have";
        const AUTH_UNSET: &str = "ROCKY_AUTH is not set, and a build for the cloud has no default";
        const BILLING_UNSET: &str = "ROCKY_BILLING is not set, and a build for the cloud has no default";
        const AUTH_MAGIC: &str = "ROCKY_AUTH=magic is not a mode";
        const BILLING_MAGIC: &str = "ROCKY_BILLING=magic is not a mode";
        // Starts as: Airlock or not, billing or not.
        const LOCAL: Result<(bool, bool), &str> = Ok((false, false));
        const FREE: Result<(bool, bool), &str> = Ok((true, false));
        const FULL: Result<(bool, bool), &str> = Ok((true, true));
        let table = [
            //  auth      billing     self-host             airlock              polar                 cloud
            ("-", "-", [LOCAL, Err(AUTH_UNSET), Err(AUTH_UNSET), Err(AUTH_UNSET)]),
            ("-", "disabled", [LOCAL, Err(AUTH_UNSET), Err(AUTH_UNSET), Err(AUTH_UNSET)]),
            ("-", "enabled", [Err(POLAR_MISSING), Err(AUTH_UNSET), Err(AUTH_UNSET), Err(AUTH_UNSET)]),
            ("-", "magic", [Err(BILLING_MAGIC), Err(AUTH_UNSET), Err(AUTH_UNSET), Err(AUTH_UNSET)]),
            ("local", "-", [LOCAL, Err(BILLING_UNSET), Err(BILLING_UNSET), Err(BILLING_UNSET)]),
            ("local", "disabled", [LOCAL; 4]),
            ("local", "enabled", [Err(NO_CUSTOMER); 4]),
            ("local", "magic", [Err(BILLING_MAGIC); 4]),
            ("airlock", "-", [Err(AIRLOCK_MISSING), Err(BILLING_UNSET), Err(AIRLOCK_MISSING), Err(BILLING_UNSET)]),
            ("airlock", "disabled", [Err(AIRLOCK_MISSING), FREE, Err(AIRLOCK_MISSING), FREE]),
            ("airlock", "enabled", [Err(AIRLOCK_MISSING), Err(POLAR_MISSING), Err(AIRLOCK_MISSING), FULL]),
            ("airlock", "magic", [Err(AIRLOCK_MISSING), Err(BILLING_MAGIC), Err(AIRLOCK_MISSING), Err(BILLING_MAGIC)]),
            ("magic", "-", [Err(AUTH_MAGIC); 4]),
            ("magic", "disabled", [Err(AUTH_MAGIC); 4]),
            ("magic", "enabled", [Err(AUTH_MAGIC); 4]),
            ("magic", "magic", [Err(AUTH_MAGIC); 4]),
        ];
        for (auth, billing, outcomes) in table {
            for (built, outcome) in [SELF_HOST, AIRLOCK, POLAR, CLOUD_BUILD].into_iter().zip(outcomes) {
                let mut vars = vec![("ROCKY_AUTH", auth), ("ROCKY_BILLING", billing)];
                vars.retain(|(_, value)| *value != "-");
                if auth == "airlock" && built.airlock {
                    vars.push(("ROCKY_AIRLOCK_URL", "https://auth.test"));
                }
                if billing == "enabled" && built.polar {
                    vars.push(("ROCKY_POLAR_TOKEN", "hunter2"));
                }
                match outcome {
                    Err(says) => refused(&vars, built, says),
                    Ok(mode) => {
                        let config = with(&vars, built).unwrap();
                        let started = (
                            matches!(config.auth, Auth::Airlock { .. }),
                            matches!(config.billing, BillingMode::Enabled { .. }),
                        );
                        assert_eq!(started, mode, "{built:?} {vars:?}");
                    }
                }
            }
        }
        refused(&[("ROCKY_AUTH", "local"), ("ROCKY_BILLING", "enabled")], SELF_HOST, "feature `polar`");
        // Only the build that this is reads its own features.
        assert_eq!(Config::from_vars(|_| None).is_ok(), !THIS_BUILD.any());
    }

    #[test]
    fn every_setting_of_the_cloud_is_read_by_its_mode_alone() {
        let full = [
            ("ROCKY_AUTH", "airlock"),
            ("ROCKY_AIRLOCK_URL", "https://auth.test"),
            ("ROCKY_AIRLOCK_COOKIE", "mine.session_token"),
            ("ROCKY_BILLING", "enabled"),
            ("ROCKY_POLAR_URL", "https://polar.test"),
            ("ROCKY_POLAR_TOKEN", "hunter2"),
            ("ROCKY_POLAR_WEBHOOK_SECRET", "hunter3"),
            ("ROCKY_AIRLOCK_TENANT", "user.tenant"),
            ("ROCKY_AIRLOCK_ORIGINS", "https://a.test, https://b.test"),
            ("ROCKY_POLAR_CHECKOUT", "team=p1, business=p2"),
            ("ROCKY_POLAR_SUCCESS_URL", "https://console.test/paid"),
        ];
        let config = with(&full, CLOUD_BUILD).unwrap();
        let cookie = Some("mine.session_token".to_owned());
        let auth = Auth::Airlock {
            url: "https://auth.test".to_owned(),
            cookie,
            tenant: Some("user.tenant".to_owned()),
            origins: ["https://a.test", "https://b.test"].map(str::to_owned).into(),
        };
        assert_eq!(config.auth, auth);
        let billing = BillingMode::Enabled {
            url: Some("https://polar.test".to_owned()),
            token: Secret::new("hunter2"),
            webhook_secret: Some(Secret::new("hunter3")),
            checkout: vec![(Tier::Team, "p1".to_owned()), (Tier::Business, "p2".to_owned())],
            success_url: Some("https://console.test/paid".to_owned()),
        };
        for bad in ["team", "team=", "solo=p1", "Team=p1", "team=p1,team=p2", "=p1"] {
            let mut other = full.to_vec();
            other.retain(|(known, _)| *known != "ROCKY_POLAR_CHECKOUT");
            other.push(("ROCKY_POLAR_CHECKOUT", bad));
            refused(&other, CLOUD_BUILD, "ROCKY_POLAR_CHECKOUT has");
        }
        assert_eq!(config.billing, billing);
        assert!(!format!("{config:?}").contains("hunter"), "{config:?}");
        for (name, mode) in
            [("ROCKY_AIRLOCK_URL", "ROCKY_AUTH=airlock"), ("ROCKY_POLAR_TOKEN", "ROCKY_BILLING=enabled")]
        {
            let mut without = full.to_vec();
            without.retain(|(known, _)| *known != name);
            refused(&without, CLOUD_BUILD, &format!("{mode} needs {name}"));
        }
        for (name, _) in full.into_iter().filter(|(name, _)| !["ROCKY_AUTH", "ROCKY_BILLING"].contains(name)) {
            let mut empty = full.to_vec();
            empty.retain(|(known, _)| *known != name);
            empty.push((name, ""));
            refused(&empty, CLOUD_BUILD, &format!("{name} is empty"));
        }
        for (name, feature, mode) in CLOUD {
            let local = [("ROCKY_AUTH", "local"), ("ROCKY_BILLING", "disabled"), (name, "hunter2")];
            let missing = format!("{name} is set and needs the feature `{feature}`");
            refused(&local, SELF_HOST, &missing);
            refused(&local[2..], SELF_HOST, &missing);
            let unread = format!("{name} is set and only {mode} reads it");
            refused(&local, CLOUD_BUILD, if feature == "postgres" { &missing } else { &unread });
            let said = with(&local, CLOUD_BUILD).unwrap_err().to_string();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn every_other_setting_is_honoured_or_refused() {
        for good in [&[][..], &[("ROCKY_AUTH", "local"), ("ROCKY_BILLING", "disabled"), ("ROCKY_HATCH", "journal")]] {
            assert!(with(good, SELF_HOST).is_ok(), "{good:?}");
        }
        let config = with(&[("ROCKY_HATCH_SEGMENT_MIB", "8"), ("ROCKY_HATCH_KEEP", "3")], SELF_HOST).unwrap();
        assert_eq!((config.hatch_segment_bytes, config.hatch_keep), (8 << 20, Some(3)));
        let config = with(&[], SELF_HOST).unwrap();
        assert_eq!((config.hatch_segment_bytes, config.hatch_keep), (64 << 20, None));
        for (bad, says) in [
            (("ROCKY_HATCH", "postgres"), "feature `postgres`"),
            (("ROCKY_HATCH", "magic"), "is not a mode"),
            (("ROCKY_AUTH", ""), "is not a mode"),
            (("ROCKY_BILLING", "Disabled"), "is not a mode"),
            (("ROCKY_HOME", ""), "is empty"),
            (("ROCKY_LISTEN", ""), "is empty"),
            (("ROCKY_HATCH_SEGMENT_MIB", ""), "is not a whole number"),
            (("ROCKY_HATCH_SEGMENT_MIB", "0"), "from 1 to 1048576"),
            (("ROCKY_HATCH_SEGMENT_MIB", "1048577"), "from 1 to 1048576"),
            (("ROCKY_HATCH_SEGMENT_MIB", "64MiB"), "is not a whole number"),
            (("ROCKY_HATCH_KEEP", "0"), "unset it to keep all"),
            (("ROCKY_HATCH_KEEP", "-1"), "is not a whole number"),
            (("ROCKY_HATCH_KEEP", "all"), "is not a whole number"),
        ] {
            refused(&[bad], SELF_HOST, says);
            let mut said_out_loud = vec![("ROCKY_AUTH", "local"), ("ROCKY_BILLING", "disabled")];
            said_out_loud.retain(|(name, _)| *name != bad.0);
            said_out_loud.push(bad);
            refused(&said_out_loud, CLOUD_BUILD, says);
        }
    }
}
