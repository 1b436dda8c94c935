//! `#[driver]` on a trait.

mod expand;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemTrait;

use crate::{mistakes::Mistakes, sdk::Sdk};

pub(crate) fn expand(attribute: TokenStream, item: ItemTrait) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let sdk = Sdk::of(attribute, "`#[driver]` takes nothing, or `crate = path`", &mut mistakes);
    let model = parse::model(item, &mut mistakes);
    let expanded = expand::tokens(model, &sdk);
    let errors = mistakes.into_tokens();
    quote!(#expanded #errors)
}
