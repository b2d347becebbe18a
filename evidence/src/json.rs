//! Reading JSON without keeping it: lists are folded entry by entry, so that memory does not grow with the report.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, Datelike, Utc};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::ReportError;
use crate::limits::MAX_JSON_DEPTH;

/// Reads a whole report. Fields that we do not need are passed over.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8], format: &'static str) -> Result<T, ReportError> {
    serde_json::from_slice(bytes).map_err(|error| refusal(&error, format))
}

/// The error without serde's text, which quotes what it read.
fn refusal(error: &serde_json::Error, format: &'static str) -> ReportError {
    use serde_json::error::Category;
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        // It has no category of its own.
        Category::Syntax if error.to_string().starts_with("recursion limit") => ReportError::TooDeep {
            limit: MAX_JSON_DEPTH,
        },
        Category::Syntax | Category::Io => ReportError::NotJson { line, column },
        Category::Eof => ReportError::Truncated { line, column },
        Category::Data => ReportError::Malformed { format, line, column },
    }
}

/// Text, borrowed from the report where it has no escapes. (`Option<Cow<str>>` would always copy.)
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What is there of optional text, or nothing.
    pub(crate) fn or_empty<'t>(text: &'t Option<Text<'_>>) -> &'t str {
        text.as_ref().map_or("", Text::as_str)
    }
}

/// An instant as tools write it. Without an offset it could be any of a day's, and is none.
pub(crate) fn instant(text: &Option<Text<'_>>) -> Option<DateTime<Utc>> {
    parse_instant(Text::or_empty(text))
}

/// The same, of plain text.
pub(crate) fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()
        .map(|at| at.to_utc())
        // Go's zero time means "not set".
        .filter(|at| at.year() >= 2000)
}

/// A number, which some tools write as text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }
            #[expect(clippy::cast_precision_loss, reason = "only small numbers matter")]
            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "only small numbers matter")]
            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                let number = text.trim().parse().ok().filter(|n: &f64| n.is_finite());
                number.map(Number).ok_or_else(|| E::custom("not a number"))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}

/// An entry of a list that is summed up and dropped.
pub(crate) trait Fold {
    /// What the list comes to.
    type Into: Default;
    /// Adds this entry.
    fn fold(self, into: &mut Self::Into);
}

/// A list, folded as it is read. `null` is an empty one: that is how Go writes it. So is a single object a list of
/// one: that is how some converters from XML write it.
pub(crate) struct Each<T: Fold>(pub(crate) T::Into);

impl<T: Fold> Default for Each<T> {
    fn default() -> Self {
        Self(T::Into::default())
    }
}

impl<'de, T: Fold + Deserialize<'de>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Fold + Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Each<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_unit<E>(self) -> Result<Each<T>, E> {
                Ok(Each::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Each<T>, A::Error> {
                let mut into = T::Into::default();
                while let Some(entry) = list.next_element::<T>()? {
                    entry.fold(&mut into);
                }
                Ok(Each(into))
            }
            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Each<T>, A::Error> {
                let mut into = T::Into::default();
                T::deserialize(serde::de::value::MapAccessDeserializer::new(object))?.fold(&mut into);
                Ok(Each(into))
            }
        }
        deserializer.deserialize_any(List(PhantomData))
    }
}

/// An entry of an object whose keys are data.
pub(crate) trait FoldEntry {
    /// What the object comes to.
    type Into: Default;
    /// Whether a key is of interest; the values of others may be anything.
    fn wanted(key: &str) -> bool;
    /// Adds this entry.
    fn fold(self, key: &str, into: &mut Self::Into);
}

/// An object, folded as it is read. `null` is an empty one.
pub(crate) struct EachEntry<V: FoldEntry>(pub(crate) V::Into);

impl<V: FoldEntry> Default for EachEntry<V> {
    fn default() -> Self {
        Self(V::Into::default())
    }
}

impl<'de, V: FoldEntry + Deserialize<'de>> Deserialize<'de> for EachEntry<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<V>(PhantomData<V>);
        impl<'de, V: FoldEntry + Deserialize<'de>> Visitor<'de> for Object<V> {
            type Value = EachEntry<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_unit<E>(self) -> Result<EachEntry<V>, E> {
                Ok(EachEntry::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<EachEntry<V>, A::Error> {
                let mut into = V::Into::default();
                while let Some(key) = object.next_key::<Text<'de>>()? {
                    if V::wanted(key.as_str()) {
                        object.next_value::<V>()?.fold(key.as_str(), &mut into);
                    } else {
                        object.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(EachEntry(into))
            }
        }
        deserializer.deserialize_any(Object(PhantomData))
    }
}

/// A list that has to be kept, of at most `N` entries.
#[derive(Debug)]
pub(crate) struct Capped<T, const N: usize> {
    pub(crate) entries: Vec<T>,
    /// There were more.
    pub(crate) over: bool,
}

impl<T, const N: usize> Default for Capped<T, N> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            over: false,
        }
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Capped<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for List<T, N> {
            type Value = Capped<T, N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_unit<E>(self) -> Result<Capped<T, N>, E> {
                Ok(Capped::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Capped<T, N>, A::Error> {
                let mut capped = Capped::default();
                while capped.entries.len() < N {
                    match list.next_element()? {
                        Some(entry) => capped.entries.push(entry),
                        None => return Ok(capped),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    capped.over = true;
                }
                Ok(capped)
            }
        }
        deserializer.deserialize_any(List(PhantomData))
    }
}

/// The keys of the outermost object, told to `look` one by one; an error when it is no object.
pub(crate) fn keys(bytes: &[u8], look: impl FnMut(&str)) -> Result<(), ReportError> {
    struct Keys<F>(F);
    impl<'de, F: FnMut(&str)> Visitor<'de> for Keys<F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
            while let Some(key) = object.next_key::<Text<'de>>()? {
                (self.0)(key.as_str());
                object.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            // To the end, so that what is no JSON at all is called so.
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Err(A::Error::custom("a list"))
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = deserializer
        .deserialize_any(Keys(look))
        .and_then(|()| deserializer.end());
    read.map_err(|error| refusal(&error, "JSON object"))
}
