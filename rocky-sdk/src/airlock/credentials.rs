//! What a caller shows at the first door.

use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};

/// A caller's credentials, taken from a request or made by hand. They are never printed.
///
/// ```
/// let credentials = rocky_sdk::Credentials::bearer("secret");
/// assert!(!format!("{credentials:?}").contains("secret"));
/// ```
#[derive(Clone, Default)]
pub struct Credentials {
    bearer: Option<String>,
    browser: Option<Box<Browser>>,
}

/// What a browser adds to a request by itself, whoever wrote the page that sends it: cookies, and where that page is
/// from.
#[derive(Clone)]
#[cfg_attr(
    not(feature = "airlock"),
    allow(dead_code, reason = "only who takes a session cookie asks where it is from")
)]
pub(super) struct Browser {
    /// The `Cookie` headers, of which there is at least one.
    pub(super) cookies: Vec<HeaderValue>,
    /// Whether the request is to change something: anything but GET and HEAD.
    pub(super) writes: bool,
    pub(super) origins: Vec<HeaderValue>,
    pub(super) fetch_sites: Vec<HeaderValue>,
    pub(super) hosts: Vec<HeaderValue>,
}

impl Credentials {
    /// Somebody who shows nothing.
    #[must_use]
    pub fn none() -> Self {
        Credentials::default()
    }

    /// Somebody who shows a bearer token.
    pub fn bearer(token: impl Into<String>) -> Self {
        Credentials { bearer: Some(token.into()), browser: None }
    }

    /// All that a request shows: the `Authorization` header as in [`Credentials::from_headers`], its cookies, and what
    /// says whether a page of this service sent it. The method is the request's own: a cookie that comes with a write
    /// opens nothing unless the write comes from here.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, Method, header::COOKIE};
    /// use rocky_sdk::Credentials;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.append(COOKIE, HeaderValue::from_static("better-auth.session_token=secret"));
    /// let credentials = Credentials::from_request(&Method::GET, &headers);
    /// assert_eq!(credentials.token(), None);
    /// assert!(!format!("{credentials:?}").contains("secret"));
    /// ```
    #[must_use]
    pub fn from_request(method: &Method, headers: &HeaderMap) -> Self {
        let all = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        let cookies = all("cookie");
        let browser = (!cookies.is_empty()).then(|| {
            Box::new(Browser {
                cookies,
                writes: !matches!(*method, Method::GET | Method::HEAD),
                origins: all("origin"),
                fetch_sites: all("sec-fetch-site"),
                hosts: all("host"),
            })
        });
        Credentials { browser, ..Credentials::from_headers(headers) }
    }

    /// What the `Authorization` header shows, and no cookie. More than one such header, or another scheme, shows
    /// nothing.
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
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
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

    /// What came with a cookie, if one was shown.
    #[cfg(feature = "airlock")]
    pub(super) fn browser(&self) -> Option<&Browser> {
        self.browser.as_deref()
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match (&self.bearer, &self.browser) {
            (Some(_), None) => "Credentials(bearer, redacted)",
            (None, Some(_)) => "Credentials(cookies, redacted)",
            (Some(_), Some(_)) => "Credentials(bearer and cookies, redacted)",
            (None, None) => "Credentials(none)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_header_is_taken_and_anything_else_is_not() {
        let shown = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
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

    #[test]
    fn a_request_shows_its_cookies_and_where_it_is_from() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, "Bearer abc".parse().unwrap());
        assert!(Credentials::from_request(&Method::POST, &headers).browser.is_none());
        for (name, value) in [("cookie", "a=1"), ("cookie", "b=2"), ("origin", "https://a"), ("host", "a")] {
            headers.append(name, value.parse().unwrap());
        }
        assert!(Credentials::from_headers(&headers).browser.is_none());
        for (method, writes) in [("GET", false), ("HEAD", false), ("POST", true), ("DELETE", true), ("get", true)] {
            let credentials = Credentials::from_request(&method.parse().unwrap(), &headers);
            let browser = credentials.browser.as_ref().unwrap();
            assert_eq!((credentials.token(), browser.writes), (Some("abc"), writes), "{method}");
            assert_eq!(browser.cookies, ["a=1", "b=2"]);
            assert_eq!(
                (&browser.origins[0], &browser.hosts[0]),
                (&HeaderValue::from_static("https://a"), &HeaderValue::from_static("a"))
            );
            assert!(browser.fetch_sites.is_empty());
            assert_eq!(format!("{credentials:?}"), "Credentials(bearer and cookies, redacted)");
        }
    }
}
