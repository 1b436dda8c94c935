//! Whether a page of this service sent a request that a cookie came with.

use http::HeaderValue;
use reqwest::Url;

use crate::airlock::credentials::Browser;

/// Whether it is an origin as a browser writes one.
pub(super) fn is_one(text: &str) -> bool {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    is_web && Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text)
}

/// The one `Origin` is of the host that was asked, or is a listed one; and a browser that says more of it does not say
/// otherwise. Any browser sends it with a write, so without one it is not ours.
pub(super) fn is_ours(request: &Browser, listed: &[String]) -> bool {
    let Some(origin) = only(&request.origins) else { return false };
    let is_listed = listed.iter().any(|listed| listed == origin);
    let is_here =
        host_of(origin).zip(only(&request.hosts)).is_some_and(|(theirs, ours)| theirs.eq_ignore_ascii_case(ours));
    let agrees = match (&request.fetch_sites[..], only(&request.fetch_sites)) {
        ([], _) | (_, Some("same-origin")) => true,
        (_, Some("same-site")) => is_listed,
        _ => false,
    };
    (is_listed || is_here) && agrees
}

fn only(values: &[HeaderValue]) -> Option<&str> {
    match values {
        [only] => only.to_str().ok(),
        _ => None,
    }
}

/// Host and port of an origin; `null` has none.
fn host_of(origin: &str) -> Option<&str> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(origins: &[&str], sites: &[&str], hosts: &[&str]) -> bool {
        let values = |values: &[&str]| values.iter().map(|value| value.parse().unwrap()).collect::<Vec<HeaderValue>>();
        let (origins, fetch_sites, hosts) = (values(origins), values(sites), values(hosts));
        let request = Browser { cookies: Vec::new(), writes: true, origins, fetch_sites, hosts };
        is_ours(&request, &["https://app.example".to_owned()])
    }

    #[test]
    fn a_page_of_this_host_or_of_a_listed_origin_may_write() {
        for (origin, sites, host) in [
            ("https://api.example", &[][..], "api.example"),
            ("https://api.example", &["same-origin"], "api.example"),
            ("http://127.0.0.1:7070", &["same-origin"], "127.0.0.1:7070"),
            ("https://API.example", &[], "api.Example"),
            ("https://app.example", &[], "api.example"),
            ("https://app.example", &["same-site"], "api.example"),
            ("https://app.example", &["same-origin"], "app.example"),
        ] {
            assert!(ours(&[origin], sites, &[host]), "{origin} {sites:?} {host}");
        }
        assert!(ours(&["https://app.example"], &[], &[]));
    }

    #[test]
    fn any_other_page_may_not() {
        for (origins, sites, hosts) in [
            (&[][..], &[][..], &["api.example"][..]),
            (&[], &["same-origin"], &["api.example"]),
            (&["null"], &[], &["api.example"]),
            (&["null"], &["same-origin"], &["null"]),
            (&["https://evil.example"], &[], &["api.example"]),
            (&["https://api.example.evil.example"], &[], &["api.example"]),
            (&["https://evil.api.example"], &[], &["api.example"]),
            (&["https://api.example:444"], &[], &["api.example"]),
            (&["https://api.example/"], &[], &["api.example"]),
            (&["ftp://api.example"], &[], &["api.example"]),
            (&["api.example"], &[], &["api.example"]),
            (&["https://"], &[], &[""]),
            (&["https://api.example", "https://api.example"], &[], &["api.example"]),
            (&["https://api.example https://evil.example"], &[], &["api.example"]),
            (&["https://api.example"], &[], &[]),
            (&["https://api.example"], &[], &["api.example", "evil.example"]),
            (&["https://api.example"], &["cross-site"], &["api.example"]),
            (&["https://api.example"], &["same-site"], &["api.example"]),
            (&["https://api.example"], &["none"], &["api.example"]),
            (&["https://api.example"], &[""], &["api.example"]),
            (&["https://api.example"], &["same-origin", "same-origin"], &["api.example"]),
            (&["https://app.example"], &["cross-site"], &["api.example"]),
            (&["http://app.example"], &[], &["api.example"]),
            (&["https://app.example."], &[], &["api.example"]),
            (&["https://APP.example"], &[], &["api.example"]),
        ] {
            assert!(!ours(origins, sites, hosts), "{origins:?} {sites:?} {hosts:?}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_writes() {
        for good in ["https://app.example", "http://127.0.0.1:7070", "https://app.example:8443", "http://[::1]:81"] {
            assert!(is_one(good), "{good}");
        }
        for bad in ["", "null", "app.example", "https://app.example/", "https://App.example", "http://a:80", "ftp://a"]
        {
            assert!(!is_one(bad), "{bad}");
        }
    }
}
