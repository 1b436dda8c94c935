//! What a workspace wrote before it failed: as much of it as an audit event may keep.

/// No more than this is kept.
pub(super) const BYTES: usize = 600;
/// In front of a value that nobody else is to read.
const SECRETS: [&str; 10] =
    ["password", "passwd", "secret", "token", "apikey", "api_key", "api-key", "authorization", "credential", "cookie"];
/// A word as long as that, of digits and letters, may be a key.
const OPAQUE: usize = 20;

/// One line of plain text, without what looks like a secret.
pub(super) fn told(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let lines = text.lines().map(|line| {
        let mut hidden = false;
        let words = line.split_whitespace().map(|word| {
            let before = std::mem::take(&mut hidden);
            let (word, next) = without_secret(word, before);
            hidden = next;
            word
        });
        words.collect::<Vec<_>>().join(" ")
    });
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    let told: String = lines.join(" | ").chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let from = told.len().saturating_sub(BYTES);
    told[told.ceil_char_boundary(from)..].to_owned()
}

/// The word, and whether the next one is the secret that this one announces.
fn without_secret(word: &str, hidden: bool) -> (String, bool) {
    let small = word.to_lowercase();
    let announces = SECRETS.iter().any(|secret| small.contains(secret)) || small.trim_end_matches(':') == "bearer";
    if hidden {
        return ("…".to_owned(), small.trim_end_matches(':') == "bearer");
    }
    if announces {
        return match word.find(['=', ':']) {
            Some(at) if at + 1 < word.len() => (format!("{}…", &word[..=at]), false),
            _ => (word.to_owned(), true),
        };
    }
    let of_a_url = word.contains("://") && word.contains('@');
    let parts = word.split(|letter: char| !letter.is_ascii_alphanumeric() && !"+/_=-".contains(letter));
    let hide = of_a_url || parts.into_iter().any(may_be_a_key);
    (if hide { "…".to_owned() } else { word.to_owned() }, false)
}

/// Digits and letters, and as long as a key. A path has slashes too, but begins with one or is shorter.
fn may_be_a_key(part: &str) -> bool {
    let digits = part.bytes().any(|byte| byte.is_ascii_digit());
    let letters = part.bytes().any(|byte| byte.is_ascii_alphabetic());
    let least = if part.contains('/') { 2 * OPAQUE } else { OPAQUE };
    digits && letters && part.len() >= least && !part.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_not_told() {
        let log = b"starting on 0.0.0.0:8080\nDB_PASSWORD=hunter2 token: abc\nAuthorization: Bearer abc.def\n\
                    postgres://app:hunter2@db/app refused\nkey 0123456789abcdef0123456789abcdef\n\
                    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIB/x8=\nno such file: /etc/app.toml\n";
        let told = told(log);
        assert_eq!(
            told,
            "starting on 0.0.0.0:8080 | DB_PASSWORD=… token: … | Authorization: … … | … refused | key … | … | \
             no such file: /etc/app.toml"
        );
    }

    #[test]
    fn it_is_one_short_line_of_plain_text() {
        let told = told(&[b"\x1b[31mred\x1b[0m\r\n\x00\xff\n".as_slice(), "é\n".repeat(5000).as_bytes()].concat());
        assert!(told.len() <= BYTES && !told.contains(char::is_control), "{told}");
        assert!(told.ends_with("é | é"));
    }
}
