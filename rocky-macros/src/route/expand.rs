//! From the model to code: an axum handler, whose body runs behind the doors.
//!
//! Every build pays for every token here, so a part that is used twice is written twice, and not made into a stream first.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, Type, spanned::Spanned};

use super::parse::{Model, Output};
use crate::sdk::Sdk;

pub(super) fn tokens(model: &Model<'_>) -> TokenStream {
    let Model { item, sdk, token, entitled, action, extractors, output } = model;
    let (attributes, visibility, block) = (&item.attributes, &item.visibility, &item.body);
    let (name, place) = (&item.signature.ident, action.span());
    // Locals stand where the action does: what the signature's check has said of it already is then not said again for
    // the calls of the body. They have names that no static, constant or unit struct in sight has, and the inner fn's name
    // is none of theirs, whatever the route is called.
    let local = |name: &str| Ident::new(name, place);
    let inner = Ident::new("behind_the_doors", Span::mixed_site());
    let (authenticated, payload, lent) = (local("who_is_there"), local("what_is_asked"), local("lent_token"));
    let arguments: Vec<Ident> = (0..extractors.len()).map(|at| local(&format!("extracted{at}"))).collect();
    let types = extractors.iter().map(|extractor| &extractor.ty);
    let (value, error) = match output {
        Output::Plain { value, error } => (Answer::Plain(value), Answer::Plain(error)),
        Output::Alias(alias) => (Answer::of(sdk, alias, "Value"), Answer::of(sdk, alias, "Error")),
    };
    // What is wrong with the action is reported where the action stands, and with the token where it does.
    let there = sdk.at_place(place);
    let door = quote_spanned!(place=> #there::Authenticated<<#action as #there::Action>::Role>);
    let behind = quote_spanned! {place=>
        #there::doors::lent::<#entitled>();
        #authenticated
            .audit(#payload)
            .await?
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
            #behind
        }
    }
}

/// A half of what the route returns.
enum Answer<'a> {
    Plain(&'a Type),
    /// What an alias stands for, which only the compiler knows.
    Projected(TokenStream),
}

impl<'a> Answer<'a> {
    fn of(sdk: &Sdk, alias: &'a Type, half: &str) -> Self {
        let place = alias.span();
        let (sdk, half) = (sdk.at_place(place), Ident::new(half, place));
        Answer::Projected(quote_spanned!(place=> <#alias as #sdk::doors::Attempt>::#half))
    }
}

impl ToTokens for Answer<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Answer::Plain(of) => of.to_tokens(tokens),
            Answer::Projected(of) => of.to_tokens(tokens),
        }
    }
}
