//! What Polar's code leaves in a binary: the markers of I9.

use std::fs;

use super::{Seen, builds::Build};

/// Each with the forms that it may have, in lower case: names of headers are written so.
const MARKERS: [(&str, &[&str]); 7] = [
    // As the old and the new mangling write a path, as the old one writes a type's, and as logs write a module.
    ("rocky_sdk::polar", &["9rocky_sdk5polar", "rocky_sdk..polar", "rocky_sdk::polar"]),
    ("api.polar.sh", &["api.polar.sh"]),
    ("sandbox-api", &["sandbox-api"]),
    ("polar_oat_", &["polar_oat_"]),
    ("Polar-Version", &["polar-version"]),
    ("/v1/customers/", &["/v1/customers/"]),
    ("whsec_", &["whsec_"]),
];
/// Stands in every binary that has its symbols.
const A_SYMBOL: &str = "9rocky_sdk5doors";

pub(super) fn absent(selfhost: &Build) -> Seen {
    match found(&binary(selfhost)?)[..] {
        [] => Ok(format!("none of {}", MARKERS.len())),
        ref found => Err(format!("it has {}", found.join(", "))),
    }
}

pub(super) fn control(cloud: &Build) -> Seen {
    let binary = binary(cloud)?;
    let found = found(&binary);
    let missed: Vec<&str> = MARKERS.into_iter().map(|(name, _)| name).filter(|name| !found.contains(name)).collect();
    match missed[..] {
        [] => Ok(format!("all {}", MARKERS.len())),
        _ => Err(format!("{} not found", missed.join(", "))),
    }
}

fn binary(build: &Build) -> Result<String, String> {
    let path = build.binary();
    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = text(&bytes);
    match text.contains(A_SYMBOL) {
        true => Ok(text),
        false => Err(format!("{} has no symbols", path.display())),
    }
}

/// Text that has every marker that the bytes have: what is no text between them becomes something else.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

fn found(text: &str) -> Vec<&'static str> {
    let has = |forms: &[&str]| forms.iter().any(|form| text.contains(form));
    MARKERS.into_iter().filter(|(_, forms)| has(forms)).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_found_among_bytes() {
        for (name, forms) in MARKERS {
            for form in forms {
                assert_eq!(*form, form.to_lowercase());
                // The beginning of a letter that does not go on, and the end of one that did not begin.
                let bytes = [&b"\0\xf0\x9f"[..], form.to_uppercase().as_bytes(), b"\xff\x80"].concat();
                assert_eq!(found(&text(&bytes)), [name], "{form}");
                assert!(found(&text(&bytes[..bytes.len() - 3])).is_empty(), "{form}");
            }
        }
    }

    #[test]
    fn both_manglings_are_known_and_the_refusal_is_no_marker() {
        for symbol in [
            "_ZN9rocky_sdk5polar6client5Polar8entitled17h0123456789abcdefE",
            "_RNvMs_NtNtCs1234_9rocky_sdk5polar6clientNtB4_5Polar8entitled",
            "_ZN66_$LT$rocky_sdk..polar..Polar$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
        ] {
            assert_eq!(found(symbol), ["rocky_sdk::polar"], "{symbol}");
        }
        let allowed = "rocky_billing=enabled needs the feature `polar`, rocky_polar_token, _zn9rocky_sdk5doors7billing";
        assert!(found(allowed).is_empty());
    }
}
