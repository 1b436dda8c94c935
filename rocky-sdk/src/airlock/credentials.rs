//! What a caller shows at the first door.

/// A caller's credentials, taken from a request or made by hand. They are never printed.
///
/// ```
/// let credentials = rocky_sdk::Credentials::bearer("secret");
/// assert!(!format!("{credentials:?}").contains("secret"));
/// ```
#[derive(Clone, Default)]
pub struct Credentials {
    bearer: Option<String>,
}

impl Credentials {
    /// Somebody who shows nothing.
    #[must_use]
    pub fn none() -> Self {
        Credentials::default()
    }

    /// Somebody who shows a bearer token.
    pub fn bearer(token: impl Into<String>) -> Self {
        Credentials { bearer: Some(token.into()) }
    }

    /// What the `Authorization` header shows. More than one such header, or another scheme, shows nothing.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
    /// use rocky_sdk::Credentials;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    /// assert_eq!(Credentials::from_headers(&headers).token(), Some("secret"));
    ///
    /// headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer another"));
    /// assert_eq!(Credentials::from_headers(&headers).token(), None); // of two callers it is neither
    /// ```
    #[must_use]
    pub fn from_headers(headers: &http::HeaderMap) -> Self {
        let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
        let (Some(only), None) = (values.next(), values.next()) else {
            return Credentials::none();
        };
        let token = only.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        token.map_or_else(Credentials::none, Credentials::bearer)
    }

    /// The bearer token, if one was shown. For adapters.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.bearer.as_deref()
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.bearer.is_some() { "Credentials(bearer, redacted)" } else { "Credentials(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_header_is_taken_and_anything_else_is_not() {
        let shown = |values: &[&str]| {
            let mut headers = http::HeaderMap::new();
            for value in values {
                headers.append(http::header::AUTHORIZATION, value.parse().unwrap());
            }
            Credentials::from_headers(&headers).token().map(str::to_owned)
        };
        assert_eq!(shown(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(shown(&["bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(shown(&[]), None);
        assert_eq!(shown(&["Basic abc"]), None);
        assert_eq!(shown(&["Bearer abc", "Bearer def"]), None);
        assert_eq!(shown(&["abc"]), None);
    }
}
