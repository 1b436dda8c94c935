//! From what was written to a model, or to all the mistakes in it.

use proc_macro2::{Span, TokenStream};
use syn::{FnArg, GenericArgument, ItemFn, PatType, PathArguments, ReturnType, Signature, Type, spanned::Spanned};

use crate::mistakes::Mistakes;

pub(super) struct Model<'a> {
    pub(super) item: &'a ItemFn,
    /// The action, taken from the token.
    pub(super) action: &'a Type,
    pub(super) token: &'a PatType,
    /// What follows the token: axum's extractors.
    pub(super) extractors: Vec<&'a PatType>,
    pub(super) success: &'a Type,
    pub(super) error: &'a Type,
}

pub(super) fn model<'a>(attribute: &TokenStream, item: &'a ItemFn, mistakes: &mut Mistakes) -> Option<Model<'a>> {
    if !attribute.is_empty() {
        mistakes.add(
            attribute.span(),
            "on a fn, `#[tenant_action]` takes nothing: role and events belong to the action's struct",
        );
    }
    let signature = &item.sig;
    plain(signature, mistakes);
    let mut parameters = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Typed(parameter) => parameters.push(parameter),
            FnArg::Receiver(receiver) => {
                mistakes.add(
                    receiver.span(),
                    "a route is a free fn: take what it needs as an extractor, `State(hearth): State<Hearth>`",
                );
                return None;
            }
        }
    }
    let token = token(signature, parameters.first().copied(), mistakes);
    let result = result(signature, mistakes);
    let ((token, action), (success, error)) = token.zip(result)?;
    Some(Model { item, action, token, extractors: parameters.split_off(1), success, error })
}

/// Nothing that an axum handler cannot be.
fn plain(signature: &Signature, mistakes: &mut Mistakes) {
    if signature.asyncness.is_none() {
        mistakes.add(signature.fn_token.span(), "a route waits for the doors: write `async fn`");
    }
    if !signature.generics.params.is_empty() {
        mistakes.add(signature.generics.span(), "a route is one concrete fn: write one for each action");
    }
    if let Some(clause) = &signature.generics.where_clause {
        mistakes.add(clause.where_token.span(), "a route is one concrete fn: it needs no `where`");
    }
    if let Some(constness) = &signature.constness {
        mistakes.add(constness.span(), "a route is a plain `async fn`");
    }
    let safety = quote::ToTokens::to_token_stream(&signature.safety);
    if !safety.is_empty() {
        mistakes.add(safety.span(), "a route is a plain `async fn`");
    }
    if let Some(abi) = &signature.abi {
        mistakes.add(abi.span(), "a route is a plain `async fn`");
    }
}

/// `token: &Entitled<TheAction>`, as it was spelled; that it is rocky's `Entitled` is for the compiler to check.
fn token<'a>(
    signature: &Signature,
    first: Option<&'a PatType>,
    mistakes: &mut Mistakes,
) -> Option<(&'a PatType, &'a Type)> {
    const WANTED: &str = "a route's first parameter is its token: write `token: &Entitled<TheAction>`";
    let Some(first) = first else {
        mistakes.add(signature.paren_token.span.join(), WANTED);
        return None;
    };
    let action = match &*first.ty {
        Type::Reference(reference) if reference.mutability.is_none() && reference.lifetime.is_none() => {
            arguments(&reference.elem, "Entitled").and_then(|arguments| match arguments[..] {
                [action] => Some(action),
                _ => None,
            })
        }
        _ => None,
    };
    if action.is_none() {
        mistakes.add(first.ty.span(), WANTED);
    }
    action.map(|action| (first, action))
}

/// `Result<T, E>`.
fn result<'a>(signature: &'a Signature, mistakes: &mut Mistakes) -> Option<(&'a Type, &'a Type)> {
    const WANTED: &str = "a route returns what it made or its error: write `-> Result<T, E>`, with both types";
    let at: Span = match &signature.output {
        ReturnType::Default => signature.paren_token.span.close(),
        ReturnType::Type(_, output) => {
            if let Some(arguments) = arguments(output, "Result")
                && let [success, error] = arguments[..]
            {
                return Some((success, error));
            }
            output.span()
        }
    };
    mistakes.add(at, WANTED);
    None
}

/// The type arguments of a path that ends in `name<..>`.
fn arguments<'a>(of: &'a Type, name: &str) -> Option<Vec<&'a Type>> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    if last.ident != name {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    });
    types.collect()
}
