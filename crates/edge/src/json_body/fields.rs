//! Deserializes a struct from the fields of a JSON object, and remembers at which field it failed.

use super::error::JsonBodyError;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;

/// Longest part of an unknown field's name that an error repeats, in characters.
const LONGEST_NAME: usize = 64;

/// The fields of an object in their order, those that occur twice included.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyObject;

        impl<'de> Visitor<'de> for AnyObject {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(AnyObject)
    }
}

impl Fields {
    /// Checks that no field occurs twice.
    pub(super) fn check_names(&self) -> Result<(), JsonBodyError> {
        let mut names = HashSet::new();
        match self.0.iter().find(|(name, _)| !names.insert(name)) {
            Some((name, _)) => Err(JsonBodyError::Duplicate(name.chars().take(LONGEST_NAME).collect())),
            None => Ok(()),
        }
    }

    /// Deserializes a struct that has these fields.
    pub(super) fn deserialize<T: DeserializeOwned>(self) -> Result<T, JsonBodyError> {
        T::deserialize(Object { fields: self.0.into_iter(), value: None })
    }
}

/// The deserializer of an object.
struct Object {
    fields: std::vec::IntoIter<(String, Value)>,
    /// The field whose name was read last.
    value: Option<(String, Value)>,
}

impl<'de> Deserializer<'de> for Object {
    type Error = JsonBodyError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonBodyError> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Object {
    type Error = JsonBodyError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, JsonBodyError> {
        let Some((name, value)) = self.fields.next() else { return Ok(None) };
        let key = seed.deserialize(StrDeserializer::new(&name))?;
        self.value = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, JsonBodyError> {
        let Some((name, value)) = self.value.take() else { return Err(JsonBodyError::Other) };
        seed.deserialize(value).map_err(|error| {
            // serde's message is "invalid type: string \"…\", expected u64": only its end repeats
            // nothing of the body.
            let message = error.to_string();
            let expected = message.rsplit_once(", expected ").map_or("another type", |(_, expected)| in_json(expected));
            JsonBodyError::WrongType { name, expected: expected.to_owned() }
        })
    }
}

/// Returns JSON's word for one of serde's types.
fn in_json(expected: &str) -> &str {
    match expected {
        "a sequence" => "an array",
        "a map" => "an object",
        "u8" | "u16" | "u32" | "u64" => "a whole number",
        other => other,
    }
}

impl Error for JsonBodyError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::Other
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown { name: name.chars().take(LONGEST_NAME).collect(), known }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::Duplicate(name.to_owned())
    }
}
