//! What an attribute stands on, read no further than the attribute needs: a fn's body is the compiler's to read, and reading
//! it here would cost every build.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Item, ItemStruct, Signature, Token, Visibility,
    parse::{Parse, ParseStream, discouraged::Speculative},
};

pub(crate) enum Annotated {
    Struct(Box<ItemStruct>),
    Fn(Box<Function>),
    Other(Box<Item>),
}

/// A fn whose body is handed on as it came.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenTree,
}

impl Parse for Annotated {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        if let Ok(function) = ahead.parse() {
            input.advance_to(&ahead);
            return Ok(Annotated::Fn(Box::new(function)));
        }
        match input.parse()? {
            Item::Struct(item) => Ok(Annotated::Struct(Box::new(item))),
            other => Ok(Annotated::Other(Box::new(other))),
        }
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = Attribute::parse_outer(input)?;
        let visibility = input.parse()?;
        if input.peek(Token![struct]) {
            return Err(input.error("not a fn"));
        }
        let signature = input.parse()?;
        let body: TokenTree = input.parse()?;
        match &body {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && input.is_empty() => {
                Ok(Function { attributes, visibility, signature, body })
            }
            _ => Err(input.error("a fn has a body")),
        }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attribute in &self.attributes {
            attribute.to_tokens(tokens);
        }
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
