//! JSON in which no object has a field twice: of two values, no reader could say which one was meant.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads bytes as JSON.
///
/// # Errors
/// Where they are none.
pub(super) fn read(bytes: &[u8]) -> Result<Read, serde_json::Error> {
    let mut twice = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Part {
        path: String::new(),
        twice: &mut twice,
    };
    let json = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Read { json, twice })
}

/// What was read.
pub(super) struct Read {
    pub json: Value,
    /// The path of the first field that is there twice.
    pub twice: Option<String>,
}

struct Part<'a> {
    path: String,
    twice: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            let item = Part {
                path: format!("{}[{}]", self.path, read.len()),
                twice: &mut *self.twice,
            };
            match items.next_element_seed(item)? {
                Some(item) => read.push(item),
                None => return Ok(read.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let path = super::body::child(&self.path, &name);
            if read.contains_key(&name) {
                self.twice.get_or_insert_with(|| path.clone());
            }
            let field = Part {
                path,
                twice: &mut *self.twice,
            };
            read.insert(name, fields.next_value_seed(field)?);
        }
        Ok(read.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [
            r#"{"a": [1, -2, 1.5, 1e300, true, null, "\u0041\n", {"b": {}}], "c": 18446744073709551615}"#,
            "[]",
            "\"x\"",
            "null",
        ] {
            let read = read(text.as_bytes()).unwrap();
            assert_eq!(read.json, serde_json::from_str::<Value>(text).unwrap());
            assert_eq!(read.twice, None);
        }
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for text in ["", "{", "{} {}", "[1,]", "\"\\ud800\"", &deep] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn names_the_first_field_that_is_there_twice() {
        for (text, path) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"a": [{}, {"b": 1, "c": 2, "\u0062": 3}]}"#, "a[1].b"),
        ] {
            let read = read(text.as_bytes()).unwrap();
            assert_eq!(read.twice.as_deref(), Some(path), "{text}");
        }
    }
}
