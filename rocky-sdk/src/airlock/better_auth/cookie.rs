//! Which of the caller's cookies is the session's.

use http::HeaderValue;

use crate::airlock::Unresolved;

/// What a browser takes from a page that came by TLS only.
const SECURE: &str = "__Secure-";
/// A session cookie has about a hundred bytes. More than this, browsers do not keep.
const LONGEST: usize = 4096;

/// The two names under which a server's session cookie may come.
pub(super) struct Names {
    secure: String,
    plain: String,
}

impl Names {
    /// `plain` is the name without `__Secure-`; `None` where no cookie is called so.
    pub(super) fn of(plain: &str) -> Option<Self> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let good = (1..=128).contains(&plain.len()) && plain.bytes().all(token) && !plain.starts_with(SECURE);
        good.then(|| Names { secure: format!("{SECURE}{plain}"), plain: plain.to_owned() })
    }

    /// `name=value`, as it came. One that came by TLS only is taken before one that anybody on the way may have set; of
    /// two of one name it is neither.
    pub(super) fn choose(&self, headers: &[HeaderValue]) -> Result<HeaderValue, Unresolved> {
        let secure = only(headers, &self.secure)?.map(|value| (&self.secure, value));
        let plain = only(headers, &self.plain)?.map(|value| (&self.plain, value));
        let (name, value) = secure.or(plain).ok_or(Unresolved::Stranger("no session cookie"))?;
        let malformed = Unresolved::Stranger("a malformed session cookie");
        if !is_value(value) {
            return Err(malformed);
        }
        let mut chosen = HeaderValue::from_bytes(&[name.as_bytes(), b"=", value].concat()).map_err(|_| malformed)?;
        chosen.set_sensitive(true);
        Ok(chosen)
    }
}

fn only<'a>(headers: &'a [HeaderValue], name: &str) -> Result<Option<&'a [u8]>, Unresolved> {
    let pairs = headers.iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let mut values =
        pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=".as_slice()));
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Unresolved::Stranger("more than one session cookie")),
        (only, None) => Ok(only),
    }
}

/// RFC 6265's octets of a value: visible ASCII without `"`, `,`, `;` and `\`.
fn is_value(value: &[u8]) -> bool {
    let octet = |byte: &u8| byte.is_ascii_graphic() && !b"\",;\\".contains(byte);
    (1..=LONGEST).contains(&value.len()) && value.iter().all(octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(headers: &[&str]) -> Result<String, String> {
        let headers: Vec<_> =
            headers.iter().map(|header| HeaderValue::from_bytes(header.as_bytes()).unwrap()).collect();
        let chosen = Names::of("s.t").unwrap().choose(&headers).map_err(|error| error.to_string())?;
        Ok(chosen.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_one_session_cookie_is_taken_as_it_came() {
        for (headers, taken) in [
            (&["s.t=abc"][..], "s.t=abc"),
            (&["__Secure-s.t=abc"], "__Secure-s.t=abc"),
            (&["a=1; s.t=abc.d%2Be=; b=2"], "s.t=abc.d%2Be="),
            (&["a=1;s.t=abc;"], "s.t=abc"),
            (&["a=1", "b=2; s.t=abc"], "s.t=abc"),
            (&["s.t=plain; __Secure-s.t=abc"], "__Secure-s.t=abc"),
            (&["__Secure-s.t=abc", "s.t=plain"], "__Secure-s.t=abc"),
            (&["s.t==", "xs.t=1; s.t2=2; S.T=3; s.t"], "s.t=="),
        ] {
            assert_eq!(chosen(headers).as_deref(), Ok(taken), "{headers:?}");
        }
        let longest = format!("s.t={}", "x".repeat(LONGEST));
        assert_eq!(chosen(&[longest.as_str()]), Ok(longest.clone()));
    }

    #[test]
    fn any_doubt_is_nobody() {
        let (long, eight) = (format!("s.t={}", "x".repeat(LONGEST + 1)), format!("s.t={}", "x".repeat(8192)));
        for (headers, why) in [
            (&[][..], "no session cookie"),
            (&[""], "no session cookie"),
            (&["s.t"], "no session cookie"),
            (&["a=s.t=abc"], "no session cookie"),
            (&["__Host-s.t=abc"], "no session cookie"),
            (&["s.t=abc; s.t=abc"], "more than one"),
            (&["s.t=abc", "s.t=def"], "more than one"),
            (&["__Secure-s.t=abc; __Secure-s.t=def; s.t=ghi"], "more than one"),
            (&["__Secure-s.t=abc; s.t=def; s.t=ghi"], "more than one"),
            (&["s.t="], "malformed"),
            (&["__Secure-s.t=; s.t=abc"], "malformed"),
            (&["s.t=a b"], "malformed"),
            (&["s.t=a,b"], "malformed"),
            (&["s.t=\"abc\""], "malformed"),
            (&["s.t=a\\b"], "malformed"),
            (&["s.t=a\tb"], "malformed"),
            (&["s.t=é"], "malformed"),
            (&[long.as_str()], "malformed"),
            (&[eight.as_str()], "malformed"),
        ] {
            let said = chosen(headers).unwrap_err();
            assert!(said.contains(why), "{headers:?}: {said}");
        }
    }

    #[test]
    fn a_name_is_a_cookies_name() {
        assert!(Names::of("better-auth.session_token").is_some());
        for bad in ["", "a b", "a=b", "a;b", "é", "__Secure-a", &"x".repeat(129)] {
            assert!(Names::of(bad).is_none(), "{bad}");
        }
    }
}
