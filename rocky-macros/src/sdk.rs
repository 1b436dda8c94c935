//! Where the SDK is found: `::rocky_sdk`, or where `crate = path` says it is.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Expr, Ident, Path, Token, Type,
    ext::IdentExt,
    parse::{Parse, ParseStream},
};

use crate::mistakes::Mistakes;

/// A path's tokens, one by one: they go into what is written many times over.
#[derive(Clone)]
pub(crate) struct Sdk(Vec<TokenTree>);

impl Default for Sdk {
    fn default() -> Self {
        Sdk(quote!(::rocky_sdk).into_iter().collect())
    }
}

impl Sdk {
    /// `crate = path`, as `#[tenant_action]` and `#[driver]` take it where the dependency has another name.
    pub(crate) fn at(path: &Path) -> Self {
        Sdk(path.to_token_stream().into_iter().collect())
    }

    /// The attribute of a fn or a trait: nothing, or `crate = path`.
    pub(crate) fn of(attribute: TokenStream, otherwise: &str, mistakes: &mut Mistakes) -> Self {
        struct Said {
            key: Ident,
            value: Path,
        }
        impl Parse for Said {
            fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
                let key = Ident::parse_any(input)?;
                input.parse::<Token![=]>()?;
                Ok(Said { key, value: input.call(Path::parse_mod_style)? })
            }
        }
        if attribute.is_empty() {
            return Sdk::default();
        }
        match syn::parse2::<Said>(attribute.clone()) {
            Ok(said) if said.key == "crate" => Sdk::at(&said.value),
            _ => {
                mistakes.add(attribute, otherwise);
                Sdk::default()
            }
        }
    }

    /// The same path as if it stood there: what the compiler says of it, it says of that place.
    pub(crate) fn at_place(&self, place: Span) -> Self {
        let placed = |token: &TokenTree| {
            let mut token = token.clone();
            token.set_span(place);
            token
        };
        Sdk(self.0.iter().map(placed).collect())
    }

    /// As text, for serde's attributes.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl ToTokens for Sdk {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.iter().cloned());
    }
}

/// What a `macro_rules` fragment hands on is wrapped in a group without brackets: this is what is in it.
pub(crate) fn unwrapped(mut expression: Expr) -> Expr {
    while let Expr::Group(group) = expression {
        expression = *group.expr;
    }
    expression
}

/// The same for a type.
pub(crate) fn bare(mut of: &Type) -> &Type {
    while let Type::Group(group) = of {
        of = &group.elem;
    }
    of
}

/// Whether it is spelt as a token, without the `&` before it. That it is rocky's is for the compiler to check.
pub(crate) fn is_token(of: &Type) -> bool {
    matches!(bare(of), Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Entitled"))
}
