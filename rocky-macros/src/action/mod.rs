//! `#[tenant_action(..)]` on a struct.

mod expand;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemStruct;

use crate::mistakes::Mistakes;

pub(crate) fn expand(attribute: TokenStream, item: ItemStruct) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let model = parse::model(attribute, item, &mut mistakes);
    let expanded = expand::tokens(&model);
    let errors = mistakes.into_tokens();
    quote!(#expanded #errors)
}
