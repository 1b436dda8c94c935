//! From what was written to a model, or to all the mistakes in it.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{FnArg, GenericArgument, Ident, PatType, PathArguments, ReturnType, Signature, Type, parse_quote};

use crate::{
    item::Function,
    mistakes::Mistakes,
    sdk::{Sdk, bare, is_token},
};

pub(super) struct Model<'a> {
    pub(super) item: &'a Function,
    pub(super) sdk: Sdk,
    pub(super) token: &'a PatType,
    /// What the token refers to: `Entitled<TheAction>`, by whatever name it goes here.
    pub(super) entitled: &'a Type,
    /// The action, as it stands there.
    pub(super) action: &'a Type,
    /// What follows the token: axum's extractors.
    pub(super) extractors: Vec<&'a PatType>,
    pub(super) output: Output<'a>,
}

pub(super) enum Output<'a> {
    /// `Result<T, E>`.
    Plain { value: &'a Type, error: &'a Type },
    /// `io::Result<T>`, `KeyResult<T>`.
    Alias(&'a Type),
}

pub(super) fn model<'a>(attribute: TokenStream, item: &'a Function, mistakes: &mut Mistakes) -> Option<Model<'a>> {
    let sdk = Sdk::of(
        attribute,
        "on a fn, `#[tenant_action]` takes nothing, or `crate = path`: role and events belong to the action's struct",
        mistakes,
    );
    let signature = &item.signature;
    plain(signature, mistakes);
    let mut parameters = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Typed(parameter) => {
                concrete(&parameter.ty, mistakes);
                for attribute in &parameter.attrs {
                    mistakes.add(attribute, "a route's parameters take no attributes: put it on the fn");
                }
                parameters.push(parameter);
            }
            FnArg::Receiver(receiver) => {
                mistakes.add(
                    receiver,
                    "a route is a free fn: take what it needs as an extractor, `State(hearth): State<Hearth>`",
                );
                return None;
            }
        }
    }
    let token = token(signature, parameters.first().copied(), mistakes);
    let output = output(signature, mistakes);
    let ((token, entitled, action), output) = token.zip(output)?;
    Some(Model { item, sdk, token, entitled, action, extractors: parameters.split_off(1), output })
}

/// The fn less those mistakes that the compiler would tell once more.
pub(super) fn as_meant(item: &Function) -> Function {
    let mut item = item.clone();
    item.signature.constness = None;
    if let Some(FnArg::Typed(first)) = item.signature.inputs.first_mut()
        && is_token(&first.ty)
    {
        let owned = &first.ty;
        first.ty = parse_quote!(&#owned);
    }
    item
}

/// Nothing that an axum handler cannot be.
fn plain(signature: &Signature, mistakes: &mut Mistakes) {
    const PLAIN: &str = "a route is a plain `async fn`: take this word away";
    if signature.asyncness.is_none() {
        mistakes.add(signature.fn_token, "a route waits for the doors: write `async fn`");
    }
    if !signature.generics.params.is_empty() {
        mistakes.add(&signature.generics, "a route is one concrete fn: write one for each action");
    }
    if let Some(clause) = &signature.generics.where_clause {
        mistakes.add(clause, "a route is one concrete fn: it needs no `where`");
    }
    if let Some(constness) = &signature.constness {
        mistakes.add(constness, PLAIN);
    }
    let safety = signature.safety.to_token_stream();
    if !safety.is_empty() {
        mistakes.add(safety, PLAIN);
    }
    if let Some(abi) = &signature.abi {
        mistakes.add(abi, PLAIN);
    }
}

/// No `impl Trait`: axum would not know which.
fn concrete(of: &Type, mistakes: &mut Mistakes) {
    if !is_plain(of)
        && let Some(at) = find(of.to_token_stream(), &mut |token, _| is_word(token, "impl"))
    {
        mistakes.at(at, "a route is one concrete fn: name the type");
    }
}

/// `token: &Entitled<TheAction>`: the action stands in it. That it is rocky's `Entitled` is for the compiler to check.
fn token<'a>(
    signature: &Signature,
    first: Option<&'a PatType>,
    mistakes: &mut Mistakes,
) -> Option<(&'a PatType, &'a Type, &'a Type)> {
    const WANTED: &str = "a route's first parameter is its token: write `token: &Entitled<TheAction>`";
    let Some(first) = first else {
        mistakes.at(signature.paren_token.span.join(), WANTED);
        return None;
    };
    if let Type::Reference(reference) = bare(&first.ty)
        && reference.mutability.is_none()
        && reference.lifetime.is_none()
        && let entitled = bare(&reference.elem)
        && let Some((_, arguments)) = arguments(entitled)
        && let [action] = arguments[..]
    {
        return Some((first, entitled, action));
    }
    mistakes.add(&first.ty, WANTED);
    None
}

/// `Result<T, E>`, or an alias that says so in its name; and nothing borrowed in it.
fn output<'a>(signature: &'a Signature, mistakes: &mut Mistakes) -> Option<Output<'a>> {
    const WANTED: &str = "a route gives back what it made or its error: write `-> Result<T, E>`";
    let ReturnType::Type(_, output) = &signature.output else {
        mistakes.at(signature.paren_token.span.close(), WANTED);
        return None;
    };
    let output = bare(output);
    let Some((name, arguments)) = arguments(output).filter(|(name, _)| name.to_string().ends_with("Result")) else {
        mistakes.add(output, WANTED);
        return None;
    };
    concrete(output, mistakes);
    // A lifetime is a quote and a word; a reference may have one.
    let quote = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '\'');
    let for_ever = |rest: &[TokenTree]| matches!(rest, [mark, word, ..] if quote(mark) && is_word(word, "static"));
    let borrowed = |token: &TokenTree, rest: &[TokenTree]| match token {
        TokenTree::Punct(punct) if punct.as_char() == '&' => !for_ever(rest),
        TokenTree::Punct(punct) if punct.as_char() == '\'' => !rest.first().is_some_and(|word| is_word(word, "static")),
        _ => false,
    };
    if !is_plain(output)
        && let Some(at) = find(output.to_token_stream(), &mut { borrowed })
    {
        mistakes.at(at, "what a route gives back outlives its token: return an owned type, `String` for `&str`");
        return None;
    }
    match arguments[..] {
        [value, error] if name == "Result" => Some(Output::Plain { value, error }),
        _ => Some(Output::Alias(output)),
    }
}

/// A path's last word, and the types that it is given.
fn arguments(of: &Type) -> Option<(&Ident, Vec<&Type>)> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    let types = match &last.arguments {
        PathArguments::None => Vec::new(),
        PathArguments::AngleBracketed(arguments) => {
            let types = arguments.args.iter().map(|argument| match argument {
                GenericArgument::Type(argument) => Some(bare(argument)),
                _ => None,
            });
            types.collect::<Option<_>>()?
        }
        PathArguments::Parenthesized(_) => return None,
    };
    Some((&last.ident, types))
}

/// Paths all the way down, as most types are: nothing borrowed in it and no `impl`, and no need to look at each token.
fn is_plain(of: &Type) -> bool {
    let Type::Path(path) = bare(of) else { return false };
    path.qself.is_none()
        && path.path.segments.iter().all(|segment| match &segment.arguments {
            PathArguments::None => true,
            PathArguments::AngleBracketed(arguments) => {
                arguments.args.iter().all(|argument| matches!(argument, GenericArgument::Type(of) if is_plain(of)))
            }
            PathArguments::Parenthesized(_) => false,
        })
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

/// The first token for which it is true, looked for inside brackets too.
fn find(tokens: TokenStream, wanted: &mut dyn FnMut(&TokenTree, &[TokenTree]) -> bool) -> Option<Span> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        if wanted(token, tokens.get(at + 1..).unwrap_or_default()) {
            return Some(token.span());
        }
        if let TokenTree::Group(group) = token
            && let Some(found) = find(group.stream(), wanted)
        {
            return Some(found);
        }
    }
    None
}
