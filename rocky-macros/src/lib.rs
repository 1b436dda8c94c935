//! The attribute macros of rocky. What they write is public, safe API of `rocky-sdk`, which a person could have written.
//!
//! Each attribute goes the same way: parse what was written into a model, or into all the mistakes that are in it; then
//! expand the model. On a mistake the user's item is still there, so the editor and the rest of the file keep working.

mod action;
mod driver;
mod item;
mod mistakes;
mod route;
mod sdk;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Item, spanned::Spanned};

use item::Annotated;
use mistakes::Mistakes;

/// Puts the three doors in front of what changes a tenant's state.
///
/// On a struct it makes the struct an audited action:
///
/// | key | what it says |
/// |---|---|
/// | `role = admin` | who may do it: `admin`, `operator` or `observer` |
/// | `started = "family.event"` | durable before the action begins |
/// | `succeeded = "family.event"` | durable before a success is answered |
/// | `failed = "family.event"` | what a failure leaves; or `failed = retried`, for an action that its subsystem repeats until it succeeds, as HEARTH does with a decommission |
/// | `subject = field` | the `Slug` of the workspace that it is about; absent: about no workspace |
/// | `metered = field` | the `Tier` that is asked for; `metered = row`: the one the workspace has |
/// | `crate = path` | where `rocky-sdk` is found, if the dependency has another name; on a fn too |
///
/// The struct gets `Serialize`, `Deserialize` (unknown fields refused), `Action`, and a `Debug` that, like the audit
/// event, leaves out the value of a field marked `#[audit(redact)]`.
///
/// On an `async fn` it makes a route whose body runs behind the doors. The first parameter is the token,
/// `&Entitled<TheAction>`; the others are axum extractors; it returns `Result<T, E>`. What it expands to is an axum handler
/// that takes `Authenticated<_>` first and `Payload<TheAction>` last and returns
/// `Result<Completed<TheAction, T>, Refusal<E>>`.
#[proc_macro_attribute]
pub fn tenant_action(attribute: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let (attribute, item) = (TokenStream::from(attribute), TokenStream::from(item));
    match Annotated::read(item.clone()) {
        Ok(Annotated::Struct(item)) => action::expand(attribute, *item),
        Ok(Annotated::Fn(item)) => route::expand(attribute, &item),
        Ok(Annotated::Other(other)) => {
            let mut mistakes = Mistakes::default();
            mistakes.at(keyword(&other), "`#[tenant_action]` goes on a struct (an action) or on an async fn (a route)");
            let errors = mistakes.into_tokens();
            quote!(#other #errors)
        }
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#item #error)
        }
    }
    .into()
}

/// Makes a trait a driver's: each method takes a token, `&Entitled<TheAction>`, and one that takes none is an error on that
/// method.
///
/// A method that changes nothing is marked `#[read_only = "why it changes nothing"]` and needs no token; the reason goes into
/// its documentation. A supertrait's methods are that trait's to mark.
///
/// What comes out is the trait as it was written; that a token is one is asked beside it, or, where a parameter says which action
/// it is for, in the method's `where`. Where the dependency on `rocky-sdk` has another name, say which:
/// `#[driver(crate = r)]`.
#[proc_macro_attribute]
pub fn driver(attribute: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let (attribute, item) = (TokenStream::from(attribute), TokenStream::from(item));
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Trait(item)) => driver::expand(attribute, item),
        Ok(other) => {
            let mut mistakes = Mistakes::default();
            mistakes.at(keyword(&other), "`#[driver]` goes on a trait, whose methods take tokens");
            let errors = mistakes.into_tokens();
            quote!(#other #errors)
        }
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#item #error)
        }
    }
    .into()
}

/// The word that says what the item is.
fn keyword(item: &Item) -> proc_macro2::Span {
    match item {
        Item::Enum(item) => item.enum_token.span(),
        Item::Struct(item) => item.struct_token.span(),
        Item::Fn(item) => item.sig.fn_token.span(),
        Item::Trait(item) => item.trait_token.span(),
        Item::Impl(item) => item.impl_token.span(),
        Item::Mod(item) => item.mod_token.span(),
        Item::Union(item) => item.union_token.span(),
        other => {
            other.to_token_stream().into_iter().next().map_or_else(proc_macro2::Span::call_site, |token| token.span())
        }
    }
}
