//! From the model to code: the trait as it was, with a bound on each method that its token is one.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{TraitItem, parse_quote, spanned::Spanned};

use super::parse::{Kind, Model};
use crate::sdk::Sdk;

pub(super) fn tokens(model: Model, sdk: &Sdk) -> TokenStream {
    let Model { mut item, kinds } = model;
    for (part, kind) in item.items.iter_mut().zip(kinds) {
        let TraitItem::Fn(method) = part else { continue };
        match kind {
            Kind::Guarded(token) => {
                let sdk = sdk.at_place(token.span());
                let bound = quote_spanned!(token.span()=> #token: #sdk::doors::Token);
                method.sig.generics.make_where_clause().predicates.push(parse_quote!(#bound));
            }
            Kind::ReadOnly(reason) => {
                let doc = format!("\n\nRead-only: {}.", reason.value().trim().trim_end_matches('.'));
                method.attrs.push(parse_quote!(#[doc = #doc]));
            }
            Kind::Other => {}
        }
    }
    // The bounds are about concrete types, which is what they are for.
    quote!(#[allow(trivial_bounds)] #item)
}
