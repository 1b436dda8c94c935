//! From the model to code.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Field, Ident, ext::IdentExt, spanned::Spanned};

use super::parse::{Failed, Metered, Model};

pub(super) fn tokens(model: &Model) -> TokenStream {
    let item = &model.item;
    if !model.whole {
        return quote!(#item);
    }
    let debug = debug(model);
    let action = action(model);
    quote! {
        #[derive(::rocky_sdk::serde::Serialize, ::rocky_sdk::serde::Deserialize)]
        #[serde(crate = "::rocky_sdk::serde", deny_unknown_fields)]
        #item
        #debug
        #action
    }
}

fn action(model: &Model) -> TokenStream {
    let Model { item, role, started, succeeded, failed, subject, metered, .. } = model;
    let ident = &item.ident;
    let name = kebab(&ident.unraw().to_string());
    let on_failure = match failed {
        Failed::Record(event) => quote!(::rocky_sdk::OnFailure::Record(::rocky_sdk::EventName::new(#event))),
        Failed::Retry => quote!(::rocky_sdk::OnFailure::Retry),
    };
    let subject = subject.as_ref().map(|field| {
        let lent = quote_spanned!(type_span(model, field)=> &self.#field);
        quote! {
            fn subject(&self) -> ::core::option::Option<&::rocky_sdk::Slug> {
                ::core::option::Option::Some(#lent)
            }
        }
    });
    let metered = match metered {
        Metered::No => None,
        Metered::Row => Some(quote!(::rocky_sdk::Metered::Row)),
        Metered::Asked(field) => {
            let tier = quote_spanned!(type_span(model, field)=> self.#field);
            Some(quote!(::rocky_sdk::Metered::Asked(#tier)))
        }
    };
    let metered = metered.map(|metered| quote!(fn metered(&self) -> ::rocky_sdk::Metered { #metered }));
    let audited = audited(model);
    quote! {
        impl ::rocky_sdk::Action for #ident {
            type Role = ::rocky_sdk::#role;
            const NAME: &'static str = #name;
            const STARTED: ::rocky_sdk::EventName = ::rocky_sdk::EventName::new(#started);
            const SUCCEEDED: ::rocky_sdk::EventName = ::rocky_sdk::EventName::new(#succeeded);
            const ON_FAILURE: ::rocky_sdk::OnFailure = #on_failure;
            #subject
            #metered
            #audited
        }
    }
}

/// The audited form, where it differs from the action itself.
fn audited(model: &Model) -> Option<TokenStream> {
    if model.redacted.is_empty() {
        return None;
    }
    let name = model.item.ident.unraw().to_string();
    let count = model.item.fields.len();
    let fields = named(model).map(|field| {
        let key = field.unraw().to_string();
        let value = if model.redacted.contains(field) { quote!("[redacted]") } else { quote!(&self.#field) };
        quote!(::rocky_sdk::serde::ser::SerializeStruct::serialize_field(&mut audited, #key, #value)?;)
    });
    Some(quote! {
        fn audited<S: ::rocky_sdk::serde::Serializer>(
            &self,
            serializer: S,
        ) -> ::core::result::Result<S::Ok, S::Error> {
            let mut audited = ::rocky_sdk::serde::Serializer::serialize_struct(serializer, #name, #count)?;
            #(#fields)*
            ::rocky_sdk::serde::ser::SerializeStruct::end(audited)
        }
    })
}

fn debug(model: &Model) -> TokenStream {
    let ident = &model.item.ident;
    let name = ident.unraw().to_string();
    let fields = named(model).map(|field| {
        let key = field.unraw().to_string();
        if model.redacted.contains(field) {
            quote!(.field(#key, &::core::format_args!("[redacted]")))
        } else {
            quote!(.field(#key, &self.#field))
        }
    });
    quote! {
        impl ::core::fmt::Debug for #ident {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.debug_struct(#name) #(#fields)* .finish()
            }
        }
    }
}

fn named(model: &Model) -> impl Iterator<Item = &Ident> {
    model.item.fields.iter().filter_map(|Field { ident, .. }| ident.as_ref())
}

/// Where the field's type was written: a wrong one is reported there.
fn type_span(model: &Model, field: &Ident) -> proc_macro2::Span {
    let found = model.item.fields.iter().find(|candidate| candidate.ident.as_ref() == Some(field));
    found.map_or_else(|| field.span(), |field| field.ty.span())
}

/// `RotateKeys` as `rotate-keys`.
fn kebab(camel: &str) -> String {
    let mut kebab = String::new();
    for letter in camel.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}
