//! From a trait to what each of its methods takes, or to all the methods that take no token.

use syn::{Attribute, Expr, ExprLit, FnArg, ItemTrait, Lit, LitStr, Meta, TraitItem, TraitItemFn, Type};

use crate::{
    mistakes::Mistakes,
    sdk::{bare, is_token, unwrapped},
};

pub(super) struct Model {
    /// The trait as written, without the attributes that are ours.
    pub(super) item: ItemTrait,
    /// What the trait's items are, in their order.
    pub(super) kinds: Vec<Kind>,
}

pub(super) enum Kind {
    /// A method that takes this token.
    Guarded(Box<Type>),
    /// A method that only looks, for this reason.
    ReadOnly(LitStr),
    /// A constant, a type; or a method with a mistake in it.
    Other,
}

const TOKENLESS: &str = "this method of a driver takes no token: write `token: &Entitled<TheAction>`, \
                         or, where it changes nothing, put `#[read_only = \"why\"]` on it";

pub(super) fn model(mut item: ItemTrait, mistakes: &mut Mistakes) -> Model {
    let mut kinds = Vec::new();
    for part in &mut item.items {
        kinds.push(match part {
            TraitItem::Fn(method) => kind(method, mistakes),
            TraitItem::Const(_) | TraitItem::Type(_) => Kind::Other,
            other => {
                mistakes.add(other, "a driver's methods are seen where they stand: write them out");
                Kind::Other
            }
        });
    }
    Model { item, kinds }
}

fn kind(method: &mut TraitItemFn, mistakes: &mut Mistakes) -> Kind {
    let is_ours = |attr: &Attribute| attr.path().is_ident("read_only");
    let (ours, theirs): (Vec<_>, Vec<_>) = std::mem::take(&mut method.attrs).into_iter().partition(is_ours);
    method.attrs = theirs;
    if let [attr, more @ ..] = &ours[..] {
        for attr in more {
            mistakes.add(attr, "why it changes nothing is said twice: keep one");
        }
        let of_a_token = |input: &FnArg| matches!(input, FnArg::Typed(parameter) if is_token(referred(&parameter.ty)));
        if method.sig.inputs.iter().any(of_a_token) {
            mistakes.add(attr, "this method takes a token, so it may change what it likes: take `#[read_only]` away");
            return Kind::Other;
        }
        return match reason(attr) {
            Some(reason) => Kind::ReadOnly(reason),
            None => {
                mistakes.add(attr, "say why it changes nothing: `#[read_only = \"it only lists names\"]`");
                Kind::Other
            }
        };
    }
    let types = || {
        method.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(parameter) => Some(&*parameter.ty),
            FnArg::Receiver(_) => None,
        })
    };
    match (types().find_map(token), types().find(|of| is_token(referred(of)))) {
        (Some(token), _) => return Kind::Guarded(Box::new(token.clone())),
        (None, Some(taken)) => {
            mistakes.add(taken, "a token is lent and stays the doors': write `&Entitled<TheAction>`")
        }
        (None, None) => mistakes.add(&method.sig.ident, TOKENLESS),
    }
    Kind::Other
}

fn reason(attr: &Attribute) -> Option<LitStr> {
    let Meta::NameValue(said) = &attr.meta else { return None };
    match unwrapped(said.value.clone()) {
        Expr::Lit(ExprLit { lit: Lit::Str(reason), .. }) if !reason.value().trim().is_empty() => Some(reason),
        _ => None,
    }
}

/// What `&Entitled<_>` refers to.
fn token(of: &Type) -> Option<&Type> {
    let Type::Reference(reference) = bare(of) else { return None };
    let token = bare(&reference.elem);
    (reference.mutability.is_none() && is_token(token)).then_some(token)
}

/// The type behind a reference, or the type itself.
fn referred(of: &Type) -> &Type {
    match bare(of) {
        Type::Reference(reference) => bare(&reference.elem),
        other => other,
    }
}
