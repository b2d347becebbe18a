//! Reading a [`Freeze`], field by field: serde's own way of reading such an enum hides fields that it does not know from
//! whoever wants to refuse them.

use std::fmt;

use chrono::NaiveDateTime;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Freeze, WeekTime};

#[derive(Deserialize)]
struct Form {
    r#type: Kind,
    from: Moment,
    to: Moment,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Once,
    Weekly,
}

enum Moment {
    Date(NaiveDateTime),
    Week(WeekTime),
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

struct MomentVisitor;

impl<'de> Visitor<'de> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date and time, or a day and time of the week")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        text.parse().map(Moment::Date).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Moment, A::Error> {
        WeekTime::deserialize(MapAccessDeserializer::new(map)).map(Moment::Week)
    }
}

impl<'de> Deserialize<'de> for Freeze {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Form::deserialize(deserializer)?;
        match (form.r#type, form.from, form.to) {
            (Kind::Once, Moment::Date(from), Moment::Date(to)) => Ok(Self::Once { from, to }),
            (Kind::Weekly, Moment::Week(from), Moment::Week(to)) => Ok(Self::Weekly { from, to }),
            (Kind::Once, ..) => Err(D::Error::custom(
                "`from` and `to` of the type `once` are dates with times: 2026-12-24T18:00:00",
            )),
            (Kind::Weekly, ..) => Err(D::Error::custom(
                "`from` and `to` of the type `weekly` are a `day` and a `time`",
            )),
        }
    }
}
