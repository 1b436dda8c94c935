//! From the model to code: an axum handler, whose body runs behind the doors.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use super::parse::{Model, Output};

pub(super) fn tokens(model: &Model<'_>) -> TokenStream {
    let Model { item, sdk, token, entitled, action, extractors, output } = model;
    let (attributes, visibility, block) = (&item.attributes, &item.visibility, &item.body);
    let name = &item.signature.ident;
    // Locals stand where the action does: what the signature's check has said of it already is then not said again for
    // the calls of the body. The inner fn's name is none of theirs, whatever the route is called.
    let local = |name: &str| Ident::new(name, action.span());
    let inner = Ident::new("behind_the_doors", Span::mixed_site());
    let (authenticated, payload, audited, lent) =
        (local("authenticated"), local("action"), local("audited"), local("token"));
    let arguments: Vec<Ident> = (0..extractors.len()).map(|at| local(&format!("extracted{at}"))).collect();
    let types = extractors.iter().map(|extractor| &extractor.ty);
    let (value, error) = match output {
        Output::Plain { value, error } => (quote!(#value), quote!(#error)),
        Output::Alias(alias) => {
            let sdk = sdk.at_place(alias.span());
            (
                quote_spanned!(alias.span()=> <#alias as #sdk::doors::Attempt>::Value),
                quote_spanned!(alias.span()=> <#alias as #sdk::doors::Attempt>::Error),
            )
        }
    };
    // What is wrong with the action is reported where the action stands, and with the token where it does.
    let there = sdk.at_place(action.span());
    let role = quote_spanned!(action.span()=> <#action as #there::Action>::Role);
    let door = quote_spanned!(action.span()=> #there::Authenticated<#role>);
    let exact = {
        let sdk = sdk.at_place(entitled.span());
        quote_spanned!(entitled.span()=> #sdk::doors::lent::<#entitled>();)
    };
    let behind = quote_spanned! {action.span()=>
        let #audited = #authenticated.audit(#payload).await?;
        #audited
            .perform::<(), #value, #error>((), move |#lent, _| ::std::boxed::Box::pin(#inner(#lent, #(#arguments),*)))
            .await
    };
    let token = &token.pat;
    quote! {
        #(#attributes)*
        #visibility async fn #name(
            #authenticated: #door,
            #(#arguments: #types,)*
            #sdk::web::Payload(#payload): #sdk::web::Payload<#action>,
        ) -> ::core::result::Result<#sdk::Completed<#action, #value>, #sdk::Refusal<#error>> {
            async fn #inner(#token: &#sdk::Entitled<#action>, #(#extractors),*) -> ::core::result::Result<#value, #error> #block
            #exact
            #behind
        }
    }
}
