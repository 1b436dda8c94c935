//! `ROCKY_*` to settings, or a sentence that says why not. A setting that this build cannot honour refuses to start;
//! nothing falls back to something weaker.

use std::path::PathBuf;

/// What a self-host service is told from outside.
///
/// ```
/// use rocky_sdk::{config::Config, hatch::JournalOptions};
///
/// let config = Config::from_vars(|name| match name {
///     "ROCKY_HOME" => Some("/var/lib/rocky".to_owned()),
///     "ROCKY_HATCH_SEGMENT_MIB" => Some("8".to_owned()),
///     "ROCKY_HATCH_KEEP" => Some("100".to_owned()),
///     _ => None,
/// })?;
/// assert_eq!(config.listen, "127.0.0.1:7070");
///
/// let mut options = JournalOptions::new("keys");
/// options.segment_bytes = config.hatch_segment_bytes; // 8 MiB
/// options.keep_segments = config.hatch_keep;
/// assert_eq!((options.segment_bytes, options.keep_segments), (8 << 20, Some(100)));
///
/// let refused = Config::from_vars(|name| (name == "ROCKY_BILLING").then(|| "enabled".to_owned()));
/// assert!(refused.unwrap_err().to_string().contains("feature `polar`"));
/// # Ok::<(), rocky_sdk::config::Refused>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
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

/// A setting that this build cannot honour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// Settings that only the cloud build reads, and the feature that reads them.
const CLOUD: [(&str, &str); 6] = [
    ("ROCKY_AIRLOCK_URL", "airlock"),
    ("ROCKY_AIRLOCK_COOKIE", "airlock"),
    ("ROCKY_POLAR_URL", "polar"),
    ("ROCKY_POLAR_TOKEN", "polar"),
    ("ROCKY_POLAR_WEBHOOK_SECRET", "polar"),
    ("ROCKY_DATABASE_URL", "postgres"),
];

/// No segment is larger: 1 TiB.
const LARGEST_SEGMENT_MIB: u64 = 1 << 20;

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
        for name in ours.into_iter().chain(CLOUD.map(|(name, _)| name)) {
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
        let (auth, billing) = (get("ROCKY_AUTH"), get("ROCKY_BILLING"));
        if auth.as_deref() == Some("local") && billing.as_deref() == Some("enabled") {
            return Err(Refused(
                "ROCKY_AUTH=local and ROCKY_BILLING=enabled do not go together: a local identity has no customer; \
                 billing also needs the feature `polar`, which this build does not have."
                    .to_owned(),
            ));
        }
        one_of("ROCKY_AUTH", auth, "local", ("airlock", "airlock"))?;
        one_of("ROCKY_BILLING", billing, "disabled", ("enabled", "polar"))?;
        one_of("ROCKY_HATCH", get("ROCKY_HATCH"), "journal", ("postgres", "postgres"))?;
        for (name, feature) in CLOUD {
            if get(name).is_some() {
                return Err(Refused(format!(
                    "{name} is set and needs the feature `{feature}`, which this build does not have: unset it, or build with the feature."
                )));
            }
        }
        for name in ["ROCKY_HOME", "ROCKY_LISTEN"] {
            if get(name).is_some_and(|value| value.is_empty()) {
                return Err(Refused(format!("{name} is empty: write a value, or unset it.")));
            }
        }
        let segment = whole("ROCKY_HATCH_SEGMENT_MIB", &get, LARGEST_SEGMENT_MIB, "for the default of 64")?;
        // 0 could be meant as `all`, and would take nearly all of an audit log away.
        let keep = whole("ROCKY_HATCH_KEEP", &get, u64::MAX, "to keep all sealed segments")?;
        Ok(Config {
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

/// The value that this build honours, the one that needs a feature, or neither.
fn one_of(name: &str, value: Option<String>, ours: &str, (theirs, feature): (&str, &str)) -> Result<(), Refused> {
    match value.as_deref() {
        None => Ok(()),
        Some(value) if value == ours => Ok(()),
        Some(value) if value == theirs => Err(Refused(format!(
            "{name}={value} needs the feature `{feature}`, which this build does not have: write {name}={ours}, or build with the feature."
        ))),
        Some(value) => Err(Refused(format!("{name}={value} is not a mode: write {name}={ours}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)]) -> Result<Config, Refused> {
        Config::from_vars(|name| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn every_mode_starts_or_says_why_not() {
        for good in [&[][..], &[("ROCKY_AUTH", "local"), ("ROCKY_BILLING", "disabled"), ("ROCKY_HATCH", "journal")]] {
            assert!(with(good).is_ok(), "{good:?}");
        }
        let config = with(&[("ROCKY_HATCH_SEGMENT_MIB", "8"), ("ROCKY_HATCH_KEEP", "3")]).unwrap();
        assert_eq!((config.hatch_segment_bytes, config.hatch_keep), (8 << 20, Some(3)));
        let config = with(&[]).unwrap();
        assert_eq!((config.hatch_segment_bytes, config.hatch_keep), (64 << 20, None));
        for (bad, says) in [
            (&[("ROCKY_AUTH", "airlock")][..], "feature `airlock`"),
            (&[("ROCKY_BILLING", "enabled")], "feature `polar`"),
            (&[("ROCKY_HATCH", "postgres")], "feature `postgres`"),
            (&[("ROCKY_AUTH", "local"), ("ROCKY_BILLING", "enabled")], "has no customer"),
            (&[("ROCKY_AUTH", "none")], "is not a mode"),
            (&[("ROCKY_AUTH", "")], "is not a mode"),
            (&[("ROCKY_BILLING", "Disabled")], "is not a mode"),
            (&[("ROCKY_POLAR_TOKEN", "x")], "feature `polar`"),
            (&[("ROCKY_DATABASE_URL", "x")], "feature `postgres`"),
            (&[("ROCKY_HOME", "")], "is empty"),
            (&[("ROCKY_LISTEN", "")], "is empty"),
            (&[("ROCKY_HATCH_SEGMENT_MIB", "")], "is not a whole number"),
            (&[("ROCKY_HATCH_SEGMENT_MIB", "0")], "from 1 to 1048576"),
            (&[("ROCKY_HATCH_SEGMENT_MIB", "1048577")], "from 1 to 1048576"),
            (&[("ROCKY_HATCH_SEGMENT_MIB", "64MiB")], "is not a whole number"),
            (&[("ROCKY_HATCH_KEEP", "0")], "unset it to keep all"),
            (&[("ROCKY_HATCH_KEEP", "-1")], "is not a whole number"),
            (&[("ROCKY_HATCH_KEEP", "all")], "is not a whole number"),
        ] {
            let said = with(bad).unwrap_err().to_string();
            assert!(said.contains(says) && !said.contains('\n'), "{bad:?}: {said}");
        }
    }
}
