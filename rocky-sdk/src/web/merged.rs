//! A map for serde that is made of path parameters and a JSON object, without a copy of the object in between.

use std::cell::RefCell;

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor,
        value::{MapAccessDeserializer, MapDeserializer},
    },
    forward_to_deserialize_any,
};

/// Why path and body make no action.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Malformed(String),
    SaidTwice(String),
    Invalid(String),
}

/// Reads an `A` from both.
pub(super) fn read<A: DeserializeOwned>(path: &[(String, String)], body: &[u8]) -> Result<A, Unreadable> {
    if body.is_empty() {
        let fields = path.iter().map(|(name, value)| (name.as_str(), FromPath(value)));
        let fields: MapDeserializer<'_, _, serde_json::Error> = MapDeserializer::new(fields);
        return A::deserialize(fields).map_err(|error| Unreadable::Invalid(error.to_string()));
    }
    let twice = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_slice(body);
    let merged = Merged { path, twice: &twice, kind: std::marker::PhantomData };
    let action = (&mut json).deserialize_map(merged).and_then(|action| json.end().map(|()| action));
    action.map_err(|error| match (twice.take(), error.classify()) {
        (Some(name), _) => Unreadable::SaidTwice(name),
        (None, serde_json::error::Category::Data) => Unreadable::Invalid(error.to_string()),
        (None, _) => Unreadable::Malformed(error.to_string()),
    })
}

struct Merged<'p, A> {
    path: &'p [(String, String)],
    twice: &'p RefCell<Option<String>>,
    kind: std::marker::PhantomData<A>,
}

impl<'de, A: DeserializeOwned> Visitor<'de> for Merged<'_, A> {
    type Value = A;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, body: M) -> Result<A, M::Error> {
        let fields = Fields { left: self.path.iter(), all: self.path, value: None, body, twice: self.twice };
        A::deserialize(MapAccessDeserializer::new(fields))
    }
}

/// First the path's parameters, then the body's fields.
struct Fields<'p, M> {
    left: std::slice::Iter<'p, (String, String)>,
    all: &'p [(String, String)],
    /// The value of the path parameter whose name was read last.
    value: Option<&'p str>,
    body: M,
    twice: &'p RefCell<Option<String>>,
}

impl<'de, M: MapAccess<'de>> MapAccess<'de> for Fields<'_, M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, M::Error> {
        if let Some((name, value)) = self.left.next() {
            self.value = Some(value);
            return seed.deserialize(name.as_str().into_deserializer()).map(Some);
        }
        self.value = None;
        let Some(name) = self.body.next_key::<String>()? else {
            return Ok(None);
        };
        if self.all.iter().any(|(known, _)| *known == name) {
            let error = M::Error::custom(format_args!("`{name}` is in the path already"));
            self.twice.replace(Some(name));
            return Err(error);
        }
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(FromPath(value).into_deserializer()),
            None => self.body.next_value_seed(seed),
        }
    }
}

/// A path parameter: a text, and a number or a truth value where one is asked for.
#[derive(Clone, Copy)]
struct FromPath<'p>(&'p str);

impl<'de, E: Error> IntoDeserializer<'de, E> for FromPath<'_> {
    type Deserializer = PathValue<Self, E>;
    fn into_deserializer(self) -> PathValue<Self, E> {
        PathValue(self, std::marker::PhantomData)
    }
}

struct PathValue<P, E>(P, std::marker::PhantomData<E>);

macro_rules! parsed {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            match self.0.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_str(self.0.0),
            }
        }
    )*};
}

impl<'de, E: Error> Deserializer<'de> for PathValue<FromPath<'_>, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_str(self.0.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_enum(self.0.0.into_deserializer())
    }

    parsed! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
        deserialize_f32 visit_f32 deserialize_f64 visit_f64
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{Slug, Tier};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Scale {
        slug: Slug,
        tier: Option<Tier>,
        by: u8,
    }

    fn scale(path: &[(&str, &str)], body: &str) -> Result<Scale, Unreadable> {
        let path: Vec<_> = path.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(&path, body.as_bytes())
    }

    #[test]
    fn path_and_body_are_one_object() {
        let wanted = Scale { slug: "a".parse().unwrap(), tier: Some(Tier::Team), by: 3 };
        assert_eq!(scale(&[("slug", "a"), ("by", "3")], r#"{"tier":"team"}"#).unwrap(), wanted);
        assert_eq!(scale(&[], r#"{"tier":"team","by":3,"slug":"a"}"#).unwrap(), wanted);
        assert_eq!(scale(&[("slug", "a"), ("by", "3"), ("tier", "team")], "").unwrap(), wanted);
    }

    #[test]
    fn a_name_in_both_or_twice_is_refused() {
        let twice = scale(&[("slug", "a")], r#"{"slug":"b","by":1}"#).unwrap_err();
        assert_eq!(twice, Unreadable::SaidTwice("slug".to_owned()));
        assert!(matches!(scale(&[], r#"{"slug":"a","by":1,"by":2}"#), Err(Unreadable::Invalid(_))));
    }

    #[test]
    fn what_is_no_json_and_what_is_no_action_are_told_apart() {
        for malformed in ["{", "nonsense", r#"{"slug":"a","by":1}x"#, "{\"slug\":\"a\",\"by\":1,}"] {
            assert!(matches!(scale(&[], malformed), Err(Unreadable::Malformed(_))), "{malformed}");
        }
        for invalid in
            ["[]", "1", "{}", r#"{"slug":"A","by":1}"#, r#"{"slug":"a","by":300}"#, r#"{"slug":"a","by":1,"x":1}"#]
        {
            assert!(matches!(scale(&[], invalid), Err(Unreadable::Invalid(_))), "{invalid}");
        }
        assert!(matches!(scale(&[("slug", "../x"), ("by", "1")], ""), Err(Unreadable::Invalid(_))));
        assert!(matches!(scale(&[("slug", "a"), ("by", "many")], ""), Err(Unreadable::Invalid(_))));
    }
}
