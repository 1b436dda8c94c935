//! From the model to code: the trait as it was, and beside it, for each method, that its token is one.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{GenericParam, Generics, Ident, TraitItem, Type, parse_quote, spanned::Spanned};

use super::parse::{Kind, Model};
use crate::sdk::Sdk;

pub(super) fn tokens(model: Model, sdk: &Sdk) -> TokenStream {
    let Model { mut item, kinds } = model;
    let mut beside = TokenStream::new();
    let of_the_trait = parameters(&item.generics);
    for (part, kind) in item.items.iter_mut().zip(kinds) {
        let TraitItem::Fn(method) = part else { continue };
        match kind {
            Kind::Guarded(token) => {
                let sdk = sdk.at_place(token.span());
                let named = [of_the_trait.clone(), parameters(&method.sig.generics)].concat();
                if names_any(&token, &named) {
                    // Which action it is for stands in a parameter, which has no name beside the trait.
                    let bound = quote_spanned!(token.span()=> #token: #sdk::doors::Token);
                    method.sig.generics.make_where_clause().predicates.push(parse_quote!(#bound));
                } else {
                    beside.extend(quote_spanned!(token.span()=> const _: fn() = #sdk::doors::lent::<#token>;));
                }
            }
            Kind::ReadOnly(reason) => {
                let doc = format!("\n\nRead-only: {}.", reason.value().trim().trim_end_matches('.'));
                method.attrs.push(parse_quote!(#[doc = #doc]));
            }
            Kind::Other => {}
        }
    }
    quote!(#item #beside)
}

fn parameters(generics: &Generics) -> Vec<Ident> {
    let name = |parameter: &GenericParam| match parameter {
        GenericParam::Type(of) => Some(of.ident.clone()),
        GenericParam::Const(of) => Some(of.ident.clone()),
        GenericParam::Lifetime(_) => None,
    };
    generics.params.iter().filter_map(name).collect()
}

/// Whether a type names one of these, or `Self`.
fn names_any(of: &Type, names: &[Ident]) -> bool {
    fn within(tokens: TokenStream, names: &[Ident]) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(word) => word == "Self" || names.contains(&word),
            TokenTree::Group(group) => within(group.stream(), names),
            _ => false,
        })
    }
    within(of.to_token_stream(), names)
}
