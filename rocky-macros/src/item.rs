//! What an attribute stands on, read no further than the attribute needs: a fn's body is the compiler's to read, and reading
//! it here would cost every build.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, FnArg, Item, ItemStruct, Pat, PatType, Signature, Token, Visibility,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
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
    pub(crate) body: Group,
}

impl Annotated {
    /// # Errors
    /// What syn says of something that is no item.
    pub(crate) fn read(item: TokenStream) -> syn::Result<Self> {
        let mut head: Vec<TokenTree> = item.clone().into_iter().collect();
        // What a `macro_rules` fragment hands on is in a group without brackets: `$item` as a whole, `$body` at its end.
        if let [TokenTree::Group(group)] = &head[..]
            && group.delimiter() == Delimiter::None
        {
            return Annotated::read(group.stream());
        }
        if head.iter().any(|token| is_word(token, "struct")) {
            return Ok(Annotated::Struct(Box::new(syn::parse2(item)?)));
        }
        if let Some(TokenTree::Group(body)) = head.pop()
            && let Some(body) = braces(body)
            && let Ok(Head { attributes, visibility, signature }) = Head::read(head)
        {
            return Ok(Annotated::Fn(Box::new(Function { attributes, visibility, signature, body })));
        }
        Ok(Annotated::Other(Box::new(syn::parse2(item)?)))
    }
}

/// A body, out of a group without brackets if need be.
fn braces(group: Group) -> Option<Group> {
    match group.delimiter() {
        Delimiter::Brace => Some(group),
        Delimiter::None => match group.stream().into_iter().collect::<Vec<_>>().pop() {
            Some(TokenTree::Group(inner)) => braces(inner),
            _ => None,
        },
        Delimiter::Parenthesis | Delimiter::Bracket => None,
    }
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

/// A fn up to its body.
struct Head {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
}

impl Head {
    /// Reads the parameters by themselves: syn tries each as a `self` first, which costs as much as the rest of it.
    fn read(mut head: Vec<TokenTree>) -> syn::Result<Self> {
        let mut parameters = None;
        if let Some(at) = head.iter().position(|token| is_word(token, "fn"))
            && let Some(TokenTree::Group(group)) = head.get_mut(at + 2)
            && group.delimiter() == Delimiter::Parenthesis
        {
            parameters = Some((group.delim_span(), self::parameters.parse2(group.stream())?));
            *group = Group::new(Delimiter::Parenthesis, TokenStream::new());
        }
        let mut head: Head = syn::parse2(head.into_iter().collect())?;
        if let Some((span, parameters)) = parameters {
            head.signature.paren_token.span = span;
            head.signature.inputs = parameters;
        }
        Ok(head)
    }
}

impl Parse for Head {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Head { attributes: Attribute::parse_outer(input)?, visibility: input.parse()?, signature: input.parse()? })
    }
}

fn parameters(input: ParseStream<'_>) -> syn::Result<Punctuated<FnArg, Token![,]>> {
    Punctuated::parse_terminated_with(input, |input| {
        let attrs = Attribute::parse_outer(input)?;
        if input.peek(Token![&]) || input.peek(Token![self]) || input.peek(Token![mut]) {
            let mut parameter = input.parse()?;
            match &mut parameter {
                FnArg::Receiver(receiver) => receiver.attrs = attrs,
                FnArg::Typed(typed) => typed.attrs = attrs,
            }
            return Ok(parameter);
        }
        let pat = Box::new(Pat::parse_single(input)?);
        Ok(FnArg::Typed(PatType { attrs, pat, colon_token: input.parse()?, ty: input.parse()? }))
    })
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
