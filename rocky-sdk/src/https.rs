//! How the cloud's adapters ask others over HTTP: on connections that are kept, within a time, and for answers of a
//! bounded size. No redirect is followed, and no proxy of the environment taken: what is asked is what was configured.

use std::{error::Error, iter, net::IpAddr, time::Duration};

use reqwest::{Client, Response, Url, redirect::Policy};

/// No longer than this is a connection kept that nobody uses. Node closes one after 5 s, and a request that meets its
/// end on the way would be lost.
const KEPT: Duration = Duration::from_secs(4);

/// `limit` is for a whole call: from the look for an address to the answer's last byte.
pub(crate) fn client(limit: Duration) -> reqwest::Result<Client> {
    Client::builder().timeout(limit).pool_idle_timeout(KEPT).redirect(Policy::none()).no_proxy().referer(false).build()
}

/// An address that may be asked: by TLS, or on this machine, or any where `insecure` says so. Or why not.
pub(crate) fn address(text: &str, insecure: bool) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no URL")?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("it is neither https nor http");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("it says more than a host and a path");
    }
    if url.scheme() == "http" && !insecure && !is_here(&url) {
        return Err("anybody on the way could read along: it is not https, and not on this machine");
    }
    Ok(url)
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The whole body, where it has no more than `most` bytes. Or why there is none.
pub(crate) async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| told(&error))? {
        if body.len() + piece.len() > most {
            return Err(format!("its answer has more than {most} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// An error and all its causes in one line.
pub(crate) fn told(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_by_tls_or_does_not_leave_the_machine() {
        for good in [
            "https://auth.example",
            "https://auth.example:8443/base",
            "http://127.0.0.1:3000",
            "http://127.8.8.8",
            "http://localhost/api/auth",
            "http://[::1]:3000/",
        ] {
            assert!(address(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "auth.example",
            "/api/auth",
            "ftp://127.0.0.1",
            "http://auth.example",
            "http://10.0.0.7",
            "http://0.0.0.0",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://[::ffff:10.0.0.7]",
            "https://ada@auth.example",
            "https://ada:secret@auth.example",
            "https://auth.example/?a=b",
            "https://auth.example/#a",
        ] {
            assert!(address(bad, false).is_err(), "{bad}");
        }
        assert!(address("http://10.0.0.7", true).is_ok());
        assert!(address("ftp://10.0.0.7", true).is_err());
    }
}
