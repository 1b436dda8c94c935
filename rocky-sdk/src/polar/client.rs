//! Polar's API over HTTP: one question, asked again where that can help, within its time.

use std::{
    error::Error,
    net::IpAddr,
    time::{Duration, Instant},
};

use reqwest::{
    RequestBuilder, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect, retry,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{NotPolarOptions, PolarError};

/// How often one question is asked at most.
const TRIES: usize = 6;
/// Where a customer's state is, by the id that is ours or by Polar's, and where a product is.
pub(super) const STATE_OF_TENANT: Around = ("/v1/customers/external/", "/state");
#[cfg(all(feature = "axum", feature = "hearth"))]
pub(super) const STATE_OF_CUSTOMER: Around = ("/v1/customers/", "/state");
pub(super) const PRODUCT: Around = ("/v1/products/", "");
/// Before it is asked a second time; twice as long before each further one.
const BACKOFF: Duration = Duration::from_millis(100);
/// No answer is longer, in bytes.
const LARGEST: usize = 1 << 20;

/// What stands before an id in a path, and after it.
type Around = (&'static str, &'static str);

pub(super) struct Client {
    http: reqwest::Client,
    /// Scheme, host and port, without a slash.
    origin: String,
}

struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Vec<u8>,
}

impl Client {
    pub(super) fn new(url: &str, token: &str) -> Result<Self, NotPolarOptions> {
        let refused = |why: &str| Err(NotPolarOptions(why.to_owned()));
        let Ok(url) = Url::parse(url) else {
            return refused(
                "Polar's URL is not a URL: write https://api.polar.sh, or https://sandbox-api.polar.sh to try it out",
            );
        };
        let on_loopback = url.scheme() == "http" && is_loopback(&url);
        if url.scheme() != "https" && !on_loopback {
            return refused("Polar's URL is https://.., or http://.. on loopback: the token goes there");
        }
        let user = !url.username().is_empty() || url.password().is_some();
        if user || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return refused("Polar's URL is scheme, host and port, and nothing else");
        }
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refused(
                "Polar's token is visible ASCII without blanks, as in polar_oat_..: write it as Polar showed it",
            );
        }
        let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {token}")) else {
            return refused("Polar's token cannot stand in a header");
        };
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (HeaderName::from_static("polar-version"), HeaderValue::from_static("2026-10")),
        ]);
        let mut http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("rocky/", env!("CARGO_PKG_VERSION")))
            .https_only(!on_loopback)
            // Where it leads, the token would go too.
            .redirect(redirect::Policy::none())
            .retry(retry::never());
        if on_loopback {
            // Neither a proxy in between, which would read the token, nor certificates that nobody shows.
            http = http.no_proxy().tls_certs_only([]);
        }
        let http = http.build().map_err(|error| NotPolarOptions(format!("Polar cannot be asked: {}", root(&error))))?;
        Ok(Client { http, origin: url.as_str().trim_end_matches('/').to_owned() })
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// What there is of this id; `None` where Polar says that there is nothing.
    pub(super) async fn found<T: DeserializeOwned>(
        &self,
        around: Around,
        id: &str,
        until: Instant,
    ) -> Result<Option<T>, PolarError> {
        let answer = self.get(self.url(around, id)?, until).await?;
        match answer.status {
            200 => read(&answer.body).map(Some),
            404 if says_that_nothing_is_there(&answer.body) => Ok(None),
            status => Err(PolarError::Answered(status)),
        }
    }

    /// A link under which the customer can pay for the product. Asked for once: twice could be two links.
    pub(super) async fn checkout(
        &self,
        product: &str,
        customer: &str,
        success_url: Option<&str>,
        until: Instant,
    ) -> Result<String, PolarError> {
        #[derive(Deserialize)]
        struct Made {
            url: String,
        }
        let mut wanted = json!({ "products": [product], "external_customer_id": customer });
        if let Some(url) = success_url {
            wanted["success_url"] = url.into();
        }
        // With its slash: without one the answer is a redirect.
        let url = format!("{}/v1/checkouts/", self.origin);
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(wanted.to_string());
        let answer = self.once(request, until).await?;
        if ![200, 201].contains(&answer.status) {
            return Err(answer.failure().unwrap_or(PolarError::Answered(answer.status)));
        }
        let Made { url } = read(&answer.body)?;
        match Url::parse(&url) {
            Ok(link) if ["https", "http"].contains(&link.scheme()) => Ok(url),
            _ => Err(PolarError::Unreadable("its link is none".to_owned())),
        }
    }

    /// Asks until there is an answer that asking again would not change.
    async fn get(&self, url: Url, until: Instant) -> Result<Answer, PolarError> {
        let (mut tries, mut backoff) = (1, BACKOFF);
        loop {
            let (failure, asked_for) = match self.once(self.http.get(url.clone()), until).await {
                Ok(answer) => match answer.failure() {
                    None => return Ok(answer),
                    Some(failure) => (failure, answer.retry_after.map(Duration::from_secs)),
                },
                Err(error @ PolarError::Unreachable(_)) => (error, None),
                Err(error) => return Err(error),
            };
            let wait = asked_for.unwrap_or_default().max(backoff);
            if tries == TRIES || wait >= until.saturating_duration_since(Instant::now()) {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            tries += 1;
            backoff *= 2;
        }
    }

    async fn once(&self, request: RequestBuilder, until: Instant) -> Result<Answer, PolarError> {
        let asked = async {
            let mut response = request.send().await.map_err(unreachable)?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
                if body.len() + chunk.len() > LARGEST {
                    return Err(PolarError::Unreadable("it has more than 1 MiB".to_owned()));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer { status, retry_after, body })
        };
        tokio::time::timeout_at(until.into(), asked).await.unwrap_or(Err(PolarError::TimedOut))
    }

    /// The URL of an id, which may hold anything.
    fn url(&self, (before, after): Around, id: &str) -> Result<Url, PolarError> {
        if id.is_empty() {
            return Err(PolarError::NotAnId);
        }
        let path = format!("{before}{}{after}", encoded(id));
        match Url::parse(&format!("{}{path}", self.origin)) {
            // A URL knows `%2E%2E` for `..`, and goes up: what does not stay as it was written names somebody else.
            Ok(url) if url.path() == path => Ok(url),
            _ => Err(PolarError::NotAnId),
        }
    }
}

impl Answer {
    /// What asking again may change.
    fn failure(&self) -> Option<PolarError> {
        match self.status {
            429 => Some(PolarError::RateLimited { retry_after: self.retry_after }),
            500.. => Some(PolarError::Answered(self.status)),
            _ => None,
        }
    }
}

/// Everything but letters, digits, `-`, `_` and `~`, byte by byte.
fn encoded(segment: &str) -> String {
    let mut text = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn seconds(header: &HeaderValue) -> Option<u64> {
    header.to_str().ok()?.trim().parse().ok()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, PolarError> {
    // Where, and not what: the answer is a customer's.
    let place = |error: serde_json::Error| format!("line {}, column {}", error.line(), error.column());
    serde_json::from_slice(body).map_err(|error| PolarError::Unreadable(place(error)))
}

/// As against a path or a version that nobody there knows.
fn says_that_nothing_is_there(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    serde_json::from_slice::<Said>(body).is_ok_and(|said| said.error == "ResourceNotFound")
}

fn unreachable(error: reqwest::Error) -> PolarError {
    PolarError::Unreachable(root(&error))
}

/// The last cause: the ones before it name the URL, and with it the customer.
fn root(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.last().map_or_else(|| "the connection broke off".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new("http://127.0.0.1:1", "polar_oat_hush").unwrap()
    }

    fn state_of(tenant: &str) -> Result<String, PolarError> {
        client().url(STATE_OF_TENANT, tenant).map(|url| url.path().to_owned())
    }

    #[test]
    fn an_id_is_one_segment_whatever_it_holds() {
        for (tenant, segment) in [
            ("acme", "acme"),
            ("a-b_c~D9", "a-b_c~D9"),
            ("a.b", "a%2Eb"),
            ("...", "%2E%2E%2E"),
            ("../acme", "%2E%2E%2Facme"),
            ("a/../b c", "a%2F%2E%2E%2Fb%20c"),
            ("acme/state?", "acme%2Fstate%3F"),
            ("a\\b", "a%5Cb"),
            ("acme#", "acme%23"),
            ("%2e%2e", "%252e%252e"),
            ("a%2Fb", "a%252Fb"),
            ("é", "%C3%A9"),
            ("a+b&c=d;e@f:g", "a%2Bb%26c%3Dd%3Be%40f%3Ag"),
            (" ", "%20"),
            ("\t\n\0", "%09%0A%00"),
        ] {
            assert_eq!(state_of(tenant), Ok(format!("/v1/customers/external/{segment}/state")), "{tenant:?}");
        }
    }

    #[test]
    fn two_ids_never_have_one_path() {
        let mut ids: Vec<String> = (0..=127_u8).map(|byte| format!("a{}b", char::from(byte))).collect();
        ids.extend((0..=127_u8).map(|byte| format!("a%{byte:02X}b")));
        ids.extend((0..=127_u8).map(|byte| format!("a%{byte:02x}b")));
        ids.sort();
        ids.dedup();
        let paths: std::collections::BTreeSet<_> = ids.iter().map(|id| state_of(id).unwrap()).collect();
        assert_eq!(paths.len(), ids.len());
    }

    #[test]
    fn an_id_that_would_be_a_way_is_refused() {
        for id in ["", ".", ".."] {
            assert_eq!(state_of(id), Err(PolarError::NotAnId), "{id:?}");
        }
    }

    #[test]
    fn only_an_answer_that_can_change_is_asked_for_again() {
        for (status, again) in [
            (200, false),
            (302, false),
            (401, false),
            (403, false),
            (404, false),
            (422, false),
            (429, true),
            (500, true),
            (503, true),
            (599, true),
        ] {
            let answer = Answer { status, retry_after: None, body: Vec::new() };
            assert_eq!(answer.failure().is_some(), again, "{status}");
        }
    }

    #[test]
    fn retry_after_is_whole_seconds_or_nothing() {
        for (text, says) in [
            ("0", Some(0)),
            ("3", Some(3)),
            (" 60 ", Some(60)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ] {
            assert_eq!(seconds(&HeaderValue::from_static(text)), says, "{text:?}");
        }
    }

    #[test]
    fn only_polars_own_words_say_that_a_customer_is_not_there() {
        assert!(says_that_nothing_is_there(br#"{"error":"ResourceNotFound","detail":"Not found"}"#));
        for other in [r#"{"detail":"Not Found"}"#, "", "<html>", "[]", r#"{"error":["ResourceNotFound"]}"#] {
            assert!(!says_that_nothing_is_there(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_told() {
        let error = read::<Vec<u8>>(br#"{"hush":1}"#).unwrap_err();
        assert!(matches!(&error, PolarError::Unreadable(why) if !why.contains("hush")), "{error}");
        assert!(read::<Vec<u8>>(b"<html>").is_err());
    }

    #[test]
    fn the_token_goes_over_tls_or_not_far() {
        for good in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9", "http://127.8.8.8"] {
            assert!(Client::new(good, "t").is_ok(), "{good}");
        }
        for (bad, says) in [
            ("http://api.polar.sh", "https://"),
            ("http://127.0.0.1.example:9", "https://"),
            ("ftp://127.0.0.1", "https://"),
            ("api.polar.sh", "not a URL"),
            ("", "not a URL"),
            ("http://127.0.0.1/v1", "nothing else"),
            ("http://127.0.0.1/?a=b", "nothing else"),
            ("http://127.0.0.1/#a", "nothing else"),
            ("http://hush:hush@127.0.0.1", "nothing else"),
        ] {
            let refused = Client::new(bad, "hush").map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains(says) && !refused.contains("hush"), "{bad}: {refused}");
        }
        for bad in ["", "hu sh", "hush\n", "hüsh"] {
            let refused = Client::new("http://127.0.0.1:9", bad).map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains("token") && (bad.is_empty() || !refused.contains(bad)), "{bad:?}: {refused}");
        }
    }
}
