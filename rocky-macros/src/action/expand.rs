//! From the model to code.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Field, Ident, Type, ext::IdentExt};

use super::parse::{Failed, Metered, Model};

pub(super) fn tokens(model: &Model) -> TokenStream {
    let Model { item, sdk, role, started, succeeded, failed, subject, metered, .. } = model;
    if !model.whole {
        return quote!(#item);
    }
    let ident = &item.ident;
    let name = kebab(&ident.unraw().to_string());
    let serde = format!("{}::serde", sdk.text());
    // By hand only where a value must not be seen: the compiler's own derive costs a build less.
    let (derived, debug) = match model.redacted.is_empty() {
        true => (Some(quote!(::core::fmt::Debug,)), None),
        false => (None, Some(debug(model))),
    };
    let on_failure = match failed {
        Failed::Record(event) => quote!(Record(#sdk::EventName::new(#event))),
        Failed::Retry => quote!(Retry),
    };
    let subject = subject.as_ref().map(|field| {
        let of = typed(model, field);
        quote! {
            fn subject(&self) -> ::core::option::Option<&#sdk::Slug> {
                ::core::option::Option::Some(<#of as #sdk::action::Subject>::slug(&self.#field))
            }
        }
    });
    let metered = match metered {
        Metered::No => None,
        Metered::Row => Some(quote!(Row)),
        Metered::Asked(field) => {
            let of = typed(model, field);
            Some(quote!(Asked(<#of as #sdk::action::Price>::tier(&self.#field))))
        }
    };
    let metered = metered.map(|metered| quote!(fn metered(&self) -> #sdk::Metered { #sdk::Metered::#metered }));
    let audited = audited(model);
    quote! {
        #[derive(#derived #sdk::serde::Serialize, #sdk::serde::Deserialize)]
        #[serde(crate = #serde, deny_unknown_fields)]
        #item
        #debug

        #[diagnostic::do_not_recommend]
        impl #sdk::Action for #ident {
            type Role = #sdk::#role;
            const NAME: &'static str = #name;
            const STARTED: #sdk::EventName = #sdk::EventName::new(#started);
            const SUCCEEDED: #sdk::EventName = #sdk::EventName::new(#succeeded);
            const ON_FAILURE: #sdk::OnFailure = #sdk::OnFailure::#on_failure;
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
    let sdk = &model.sdk;
    let name = model.item.ident.unraw().to_string();
    let count = model.item.fields.len();
    let fields = named(model).map(|field| {
        let key = field.unraw().to_string();
        let value = if model.redacted.contains(field) { quote!("[redacted]") } else { quote!(&self.#field) };
        quote!(#sdk::serde::ser::SerializeStruct::serialize_field(&mut audited, #key, #value)?;)
    });
    Some(quote! {
        fn audited<S: #sdk::serde::Serializer>(
            &self,
            serializer: S,
        ) -> ::core::result::Result<S::Ok, S::Error> {
            let mut audited = #sdk::serde::Serializer::serialize_struct(serializer, #name, #count)?;
            #(#fields)*
            #sdk::serde::ser::SerializeStruct::end(audited)
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

/// The field's type: a wrong one is reported where it stands.
fn typed<'a>(model: &'a Model, field: &Ident) -> Option<&'a Type> {
    let found = model.item.fields.iter().find(|candidate| candidate.ident.as_ref() == Some(field));
    found.map(|field| &field.ty)
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
