//! From the model to code: an axum handler, whose body runs behind the doors.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, spanned::Spanned};

use super::parse::Model;

pub(super) fn tokens(model: &Model<'_>) -> TokenStream {
    let Model { item, action, token, extractors, success, error } = model;
    let (attributes, visibility, block) = (&item.attrs, &item.vis, &item.block);
    let (name, output) = (&item.sig.ident, &item.sig.output);
    let local = |name: &str| Ident::new(name, Span::mixed_site());
    let (authenticated, payload, audited, lent) =
        (local("authenticated"), local("action"), local("audited"), local("token"));
    let arguments: Vec<Ident> = (0..extractors.len()).map(|at| local(&format!("extracted{at}"))).collect();
    let types = extractors.iter().map(|extractor| &extractor.ty);
    // An error type that says nothing to the caller is reported at the error type.
    let perform = Ident::new("perform", error.span());
    quote! {
        #(#attributes)*
        #visibility async fn #name(
            #authenticated: ::rocky_sdk::Authenticated<<#action as ::rocky_sdk::Action>::Role>,
            #(#arguments: #types,)*
            ::rocky_sdk::web::Payload(#payload): ::rocky_sdk::web::Payload<#action>,
        ) -> ::core::result::Result<::rocky_sdk::Completed<#action, #success>, ::rocky_sdk::Refusal<#error>> {
            async fn #name(#token, #(#extractors),*) #output #block
            let #audited = #authenticated.audit(#payload).await?;
            #audited.#perform((), move |#lent, _| ::std::boxed::Box::pin(#name(#lent, #(#arguments),*))).await
        }
    }
}
