//! What a workspace is called, and what it may be called.

use serde::{Deserialize, Serialize};

/// A workspace's name: a DNS label, 1 to 63 of `a-z`, `0-9` and inner `-`.
///
/// A `Slug` exists only in this form, so a path, a host name or a query made of one needs no escaping.
///
/// ```
/// use rocky_sdk::Slug;
/// let slug = Slug::parse("acme-2")?;
/// assert_eq!(format!("https://{slug}.example/"), "https://acme-2.example/");
/// assert_eq!(String::from(slug), "acme-2");
/// for bad in ["", "-a", "a-", "A", "../x", "a.b"] {
///     assert!(Slug::parse(bad).is_err());
/// }
/// # Ok::<(), rocky_sdk::InvalidSlug>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Slug(String);

/// The text is not a DNS label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a slug: write 1 to 63 of a-z, 0-9 and `-`, with a letter or a digit at both ends")]
pub struct InvalidSlug(String);

impl Slug {
    /// Takes `text` when it is a DNS label.
    ///
    /// # Errors
    /// [`InvalidSlug`], with the first 80 characters of the text.
    pub fn parse(text: &str) -> Result<Self, InvalidSlug> {
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let bytes = text.as_bytes();
        let label = (1..=63).contains(&bytes.len())
            && bytes.iter().all(inner)
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-');
        if label { Ok(Slug(text.to_owned())) } else { Err(InvalidSlug(text.chars().take(80).collect())) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Slug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Slug {
    type Err = InvalidSlug;
    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        Slug::parse(text)
    }
}

impl TryFrom<String> for Slug {
    type Error = InvalidSlug;
    fn try_from(text: String) -> Result<Self, InvalidSlug> {
        Slug::parse(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> String {
        slug.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_a_dns_label() {
        let longest = "a".repeat(63);
        for good in ["a", "0", "a-b", "a--b", longest.as_str()] {
            assert_eq!(Slug::parse(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(64);
        for bad in ["", "-", "-a", "a-", "A", "a_b", "a b", "../x", "é", "a\n", too_long.as_str()] {
            assert!(Slug::parse(bad).is_err(), "{bad:?}");
            assert!(serde_json::from_value::<Slug>(bad.into()).is_err(), "{bad:?}");
        }
    }
}
