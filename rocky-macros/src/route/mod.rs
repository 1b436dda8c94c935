//! `#[tenant_action]` on an async fn.

mod expand;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

use crate::{item::Function, mistakes::Mistakes};

pub(crate) fn expand(attribute: TokenStream, item: &Function) -> TokenStream {
    let mut mistakes = Mistakes::default();
    match parse::model(attribute, item, &mut mistakes) {
        Some(model) if mistakes.is_empty() => expand::tokens(&model),
        _ => {
            let errors = mistakes.into_tokens();
            let item = parse::as_meant(item);
            quote!(#item #errors)
        }
    }
}
