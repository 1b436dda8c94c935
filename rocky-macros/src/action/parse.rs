//! From what was written to a model. Where a part is missing or wrong, the mistake is noted and a stand-in takes its
//! place, so that the struct is still an action and one mistake gives one error.

use std::collections::{HashMap, hash_map::Entry};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Attribute, Expr, ExprLit, ExprPath, Field, Fields, Ident, ItemStruct, Lit, LitStr, Meta, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{
    mistakes::Mistakes,
    sdk::{Sdk, unwrapped},
};

pub(super) struct Model {
    /// The struct as written, without the attributes that are ours.
    pub(super) item: ItemStruct,
    pub(super) sdk: Sdk,
    /// `Admin`, `Operator` or `Observer`.
    pub(super) role: Ident,
    pub(super) started: LitStr,
    pub(super) succeeded: LitStr,
    pub(super) failed: Failed,
    pub(super) subject: Option<Ident>,
    pub(super) metered: Metered,
    /// The fields whose values are not written down.
    pub(super) redacted: Vec<Ident>,
    /// Whether it can be an action at all.
    pub(super) whole: bool,
}

pub(super) enum Failed {
    Record(LitStr),
    Retry,
}

pub(super) enum Metered {
    No,
    Row,
    Asked(Ident),
}

const KEYS: [&str; 7] = ["role", "started", "succeeded", "failed", "subject", "metered", "crate"];

struct Setting {
    key: Ident,
    value: Expr,
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = Ident::parse_any(input)?;
        input.parse::<Token![=]>()?;
        Ok(Setting { key, value: unwrapped(input.parse()?) })
    }
}

impl Setting {
    /// `key = word` or `key = "text"`, as almost every setting is: an expression's parser would cost every build.
    fn plain(tokens: &[TokenTree]) -> Option<Self> {
        let [TokenTree::Ident(key), TokenTree::Punct(equals), value] = tokens else { return None };
        let value = match value {
            TokenTree::Ident(word) => {
                Expr::Path(ExprPath { attrs: Vec::new(), qself: None, path: word.clone().into() })
            }
            TokenTree::Literal(text) => Expr::Lit(ExprLit { attrs: Vec::new(), lit: Lit::new(text.clone()) }),
            _ => return None,
        };
        (equals.as_char() == '=').then(|| Setting { key: key.clone(), value })
    }

    fn list(attribute: TokenStream) -> syn::Result<Vec<Self>> {
        let tokens: Vec<TokenTree> = attribute.clone().into_iter().collect();
        let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
        let parts = tokens.split(is_comma);
        // The one empty part that may be is behind the last comma.
        let stray = tokens.first().is_some_and(is_comma) || tokens.windows(2).any(|pair| pair.iter().all(is_comma));
        let plain: Option<Vec<_>> = parts.filter(|part| !part.is_empty()).map(Setting::plain).collect();
        match plain {
            Some(settings) if !stray => Ok(settings),
            _ => Ok(Punctuated::<Setting, Token![,]>::parse_terminated.parse2(attribute)?.into_iter().collect()),
        }
    }
}

pub(super) fn model(attribute: TokenStream, mut item: ItemStruct, mistakes: &mut Mistakes) -> Model {
    let redacted = redactions(&mut item, mistakes);
    let whole = shape(&item, mistakes);
    let mut settings = settings(attribute, mistakes);
    let complete = settings.is_some();
    let mut setting = |key: &str| settings.as_mut().and_then(|settings| settings.remove(key));
    let stand_in = || LitStr::new("mistaken.event", Span::call_site());
    let named = |event: Option<Event>| event.map_or_else(stand_in, |event| event.literal);

    let mut missing = Vec::new();
    let role = match setting("role") {
        Some(value) => role(&value, mistakes),
        None => {
            missing.push("`role = admin`");
            None
        }
    };
    let mut event = |key: &str, example: &'static str, mistakes: &mut Mistakes| match setting(key) {
        Some(value) => event(&value, example, mistakes),
        None => {
            missing.push(example);
            None
        }
    };
    let started = event("started", "`started = \"family.event_started\"`", mistakes);
    let succeeded = event("succeeded", "`succeeded = \"family.event\"`", mistakes);
    let (mut retried, mut failed) = (false, None);
    match setting("failed") {
        Some(value) if word(&value).is_some_and(|word| word == "retried") => retried = true,
        Some(value) => {
            failed = self::event(&value, "`failed = \"family.failed\"`, or `failed = retried`", mistakes);
        }
        None => missing.push("`failed = \"family.failed\"`"),
    }
    if complete && !missing.is_empty() {
        mistakes.add(
            &item.ident,
            format!(
                "an action says who may do it and which events it leaves: add {} to its `#[tenant_action(..)]`",
                missing.join(", ")
            ),
        );
    }
    distinct(started.as_ref(), succeeded.as_ref(), failed.as_ref(), mistakes);
    let sdk = match setting("crate") {
        None => Sdk::default(),
        Some(Expr::Path(path)) if path.qself.is_none() => Sdk::at(&path.path),
        Some(value) => {
            mistakes.add(value, "`crate` says where rocky is found: write `crate = r` for `rocky_sdk` named `r`");
            Sdk::default()
        }
    };
    let subject = setting("subject").and_then(|value| field(&value, &item, "subject", mistakes));
    if let Some(subject) = subject.as_ref().filter(|subject| redacted.contains(subject)) {
        mistakes.add(subject, "the workspace that an action is about is the event's subject: it cannot be redacted");
    }
    let metered = match setting("metered") {
        None => Metered::No,
        Some(value) if word(&value).is_some_and(|word| word == "row") => {
            if item.fields.iter().any(|field| field.ident.as_ref().is_some_and(|name| name == "row")) {
                mistakes
                    .add(&value, "`metered = row` asks for the workspace's tier: give the field `row` another name");
            }
            if subject.is_none() {
                mistakes.add(
                    &value,
                    "`metered = row` asks for the workspace's tier: say which workspace with `subject = field`",
                );
            }
            Metered::Row
        }
        Some(value) => field(&value, &item, "metered", mistakes).map_or(Metered::No, Metered::Asked),
    };
    Model {
        item,
        sdk,
        role: role.unwrap_or_else(|| Ident::new("Admin", Span::call_site())),
        started: named(started),
        succeeded: named(succeeded),
        failed: if retried { Failed::Retry } else { Failed::Record(named(failed)) },
        subject,
        metered,
        redacted,
        whole,
    }
}

/// What happened is read from the event's name: no two moments of an action have one name.
fn distinct(started: Option<&Event>, succeeded: Option<&Event>, failed: Option<&Event>, mistakes: &mut Mistakes) {
    let same = |one: Option<&Event>, other: Option<&Event>| {
        one.zip(other).filter(|(one, other)| one.text == other.text).map(|(_, other)| other.literal.clone())
    };
    if let Some(twice) = same(started, succeeded).or_else(|| same(started, failed)).or_else(|| same(succeeded, failed))
    {
        mistakes.add(twice, "an action's start, success and failure are three events: give this one a name of its own");
    }
}

/// Takes the `#[audit(redact)]` off the fields and says which had one.
fn redactions(item: &mut ItemStruct, mistakes: &mut Mistakes) -> Vec<Ident> {
    let mut redacted = Vec::new();
    for field in &mut item.fields {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            std::mem::take(&mut field.attrs).into_iter().partition(|attr| attr.path().is_ident("audit"));
        field.attrs = theirs;
        for attr in ours {
            match attr.parse_args::<Ident>() {
                Ok(word) if word == "redact" => redacted.extend(field.ident.clone()),
                Ok(word) => mistakes.add(word, "a field is marked `#[audit(redact)]`, or not at all"),
                Err(_) => mistakes.add(attr.path(), "write `#[audit(redact)]`"),
            }
        }
    }
    let hidden = !redacted.is_empty();
    for list in item.fields.iter_mut().map(|field| &mut field.attrs).chain([&mut item.attrs]) {
        // One that is wrong is told once, and not to serde too.
        list.retain(|attr| if hidden { is_followed(attr, mistakes) } else { is_written_as_read(attr, mistakes) });
    }
    redacted
}

/// The audited form of a struct with a redacted field is written field by field, and such attributes are not seen there.
fn is_followed(attr: &Attribute, mistakes: &mut Mistakes) -> bool {
    let unseen = ["serde", "cfg_attr", "cfg"].iter().any(|name| attr.path().is_ident(name));
    if unseen {
        mistakes.add(
            attr.path(),
            "a struct with a redacted field takes no `#[serde(..)]` and no `cfg`: the audit event would not follow it",
        );
    }
    !unseen
}

/// What serde is told to write otherwise than it reads, or not at all, would be done without being audited.
fn is_written_as_read(attr: &Attribute, mistakes: &mut Mistakes) -> bool {
    const OTHERWISE: [&str; 9] = [
        "skip",
        "skip_serializing",
        "skip_serializing_if",
        "into",
        "with",
        "serialize_with",
        "getter",
        "remote",
        "transparent",
    ];
    let Meta::List(list) = &attr.meta else { return true };
    let mut as_read = true;
    let (serde, conditional) = (attr.path().is_ident("serde"), attr.path().is_ident("cfg_attr"));
    let is_serde = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "serde");
    let mut between = true;
    for token in list.tokens.clone() {
        match &token {
            TokenTree::Ident(word) if between && serde && OTHERWISE.contains(&word.to_string().as_str()) => {
                as_read = false;
                mistakes.add(
                    word,
                    "what is done is what is audited: an action's arguments are written as they are read; one that must \
                     not stand in the event is marked `#[audit(redact)]`",
                );
            }
            token if conditional && is_serde(token) => {
                as_read = false;
                mistakes.add(token, "an action is written the same way in every build: take serde's attribute out");
            }
            _ => {}
        }
        between = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
    }
    as_read
}

/// An action is one concrete struct with named fields.
fn shape(item: &ItemStruct, mistakes: &mut Mistakes) -> bool {
    let mut whole = true;
    if !item.generics.params.is_empty() {
        mistakes.add(&item.generics, "an action is one concrete type: write one struct for each action");
        whole = false;
    }
    match &item.fields {
        Fields::Named(_) => {}
        Fields::Unnamed(fields) => {
            mistakes.add(fields, "an action's arguments have names in its audit event: write `{ name: Type }`");
            whole = false;
        }
        Fields::Unit => {
            mistakes.add(&item.ident, format!("an action without arguments is written `struct {} {{}}`", item.ident));
            whole = false;
        }
    }
    whole
}

/// The settings by their key; `None` where the list cannot be read.
fn settings(attribute: TokenStream, mistakes: &mut Mistakes) -> Option<HashMap<String, Expr>> {
    let list = match Setting::list(attribute) {
        Ok(list) => list,
        Err(error) => {
            mistakes.take(error);
            return None;
        }
    };
    let mut settings = HashMap::new();
    for Setting { key, value } in list {
        let name = key.to_string();
        if !KEYS.contains(&name.as_str()) {
            mistakes.add(&key, unknown(&name));
        } else if let Entry::Vacant(free) = settings.entry(name) {
            free.insert(value);
        } else {
            mistakes.add(&key, format!("`{key}` is said twice: keep one"));
        }
    }
    Some(settings)
}

/// With the key that was probably meant, where one is close.
fn unknown(name: &str) -> String {
    let near = KEYS.iter().find(|key| key.starts_with(name) || name.starts_with(**key) || one_edit(name, key));
    let meant = near.map(|key| format!("write `{key}`; ")).unwrap_or_default();
    let keys = KEYS.join(", ");
    format!("`{name}` is not a key of `#[tenant_action]`: {meant}the keys are {keys}")
}

/// Whether one letter more, less or other makes one of the other.
fn one_edit(one: &str, other: &str) -> bool {
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one.as_bytes()[same..], &other.as_bytes()[same..]);
    let rest = |word: &[u8], by: usize| word.get(by..).unwrap_or_default().to_vec();
    [(1, 1), (1, 0), (0, 1)].iter().any(|&(a, b)| rest(one, a) == rest(other, b))
}

/// A value that is one plain word.
fn word(value: &Expr) -> Option<&Ident> {
    match value {
        Expr::Path(path) if path.attrs.is_empty() && path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}

fn role(value: &Expr, mistakes: &mut Mistakes) -> Option<Ident> {
    let name = match word(value).map(Ident::to_string).as_deref() {
        Some("admin") => "Admin",
        Some("operator") => "Operator",
        Some("observer") => "Observer",
        _ => {
            mistakes.add(value, "a role is one of the words `admin`, `operator`, `observer`");
            return None;
        }
    };
    Some(Ident::new(name, value.span()))
}

/// An event's name, and where it stands.
struct Event {
    literal: LitStr,
    text: String,
}

fn event(value: &Expr, example: &str, mistakes: &mut Mistakes) -> Option<Event> {
    let Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) = value else {
        mistakes.add(value, format!("an event's name is a text: {example}"));
        return None;
    };
    let text = name.value();
    let words: Vec<&str> = text.split('.').collect();
    let plain = |word: &&str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if words.len() < 2 || !words.iter().all(plain) || text.len() > 64 {
        mistakes.add(
            name,
            "an event's name is a family and a word of a-z, 0-9 and `_`, at most 64 characters: write \"family.event\"",
        );
        return None;
    }
    if ["auth", "log", "segment", "hatch"].contains(&words[0]) {
        mistakes.add(name, format!("the event family `{}` is written by rocky alone: choose another", words[0]));
        return None;
    }
    Some(Event { literal: name.clone(), text })
}

/// A value that names a field of the struct.
fn field(value: &Expr, item: &ItemStruct, key: &str, mistakes: &mut Mistakes) -> Option<Ident> {
    let names = || item.fields.iter().filter_map(|Field { ident, .. }| ident.as_ref());
    let Some(word) = word(value) else {
        mistakes.add(value, format!("`{key}` names a field: write `{key} = field`"));
        return None;
    };
    if names().any(|name| name == word) {
        return Some(word.clone());
    }
    let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    mistakes.add(word, format!("`{}` has no field `{word}`: {known}", item.ident));
    None
}
