//! The kinds of values that keys hold. Each is both how a text is read and what the schema says.

use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr};

use connector::{BasisPoints, Duration, Mebibytes, Money, Tflops, units::UnitError};
use platform::billing::Currency;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::{
    document::Node,
    rate::{Bandwidth, Rate, RateError},
};

/// A value that is written as text with a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantity<T>(pub(crate) T);

/// How a quantity is called and written, for the schema.
pub(crate) trait Notation: FromStr {
    /// Name in the schema.
    const TITLE: &'static str;
    /// Texts that would do.
    const EXAMPLES: &'static [&'static str];
}

macro_rules! notations {
    ($($type:ty: $title:literal, [$($example:literal),*];)*) => {
        $(impl Notation for $type {
            const TITLE: &'static str = $title;
            const EXAMPLES: &'static [&'static str] = &[$($example),*];
        })*
    };
}

notations! {
    Lifetime: "Lifetime", ["3h", "50000h"];
    Span: "Duration", ["200ms", "1.5s", "5min", "2h 30min"];
    Rate: "Rate", ["20/s", "1200/min"];
    Bandwidth: "Bandwidth", ["4 GiB/s", "300 GB/s"];
    Tflops: "ComputeRate", ["30 TFLOPS", "500 GFLOPS"];
    Mebibytes: "MemorySize", ["2048 MiB", "2 GiB"];
    BasisPoints: "Ratio", ["12.5%", "0.125"];
    Money: "Price", ["2.50", "0.35"];
    Currency: "Currency", ["USD", "EUR"];
    Instant: "Instant", ["2026-01-01T00:00:00Z", "2026-03-01T00:00:00+01:00"];
    Limit: "Limit", ["64", "unlimited"];
    super::KvCacheSpec: "KvCache", ["90%", "41408", "endless"];
    WeightLoad: "WeightLoad", ["4 GiB/s", "instant"];
}

impl<'de, T: Notation<Err: fmt::Display>> Deserialize<'de> for Quantity<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(QuantityVisitor(PhantomData))
    }
}

struct QuantityVisitor<T>(PhantomData<T>);

impl<T: Notation<Err: fmt::Display>> Visitor<'_> for QuantityVisitor<T> {
    type Value = Quantity<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity<T>, E> {
        text.parse().map(Quantity).map_err(E::custom)
    }
}

impl<T: Notation> JsonSchema for Quantity<T> {
    fn schema_name() -> Cow<'static, str> {
        T::TITLE.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "examples": T::EXAMPLES })
    }
}

/// A whole number between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Whole<LEAST, MOST> {
    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    /// The number, for ranges that fit.
    pub(crate) const fn small(self) -> u32 {
        const { assert!(MOST <= u32::MAX as u64) };
        self.0 as u32
    }
}

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let shown = crate::document::shorten(&text);
        let value = text
            .parse::<i128>()
            .map_err(|_| D::Error::custom(format!("`{shown}` is not a whole number")))?;
        match u64::try_from(value) {
            Ok(value) if (LEAST..=MOST).contains(&value) => Ok(Self(value)),
            _ => Err(D::Error::custom(format!(
                "`{shown}` is out of range: it must be between {LEAST} and {MOST}"
            ))),
        }
    }
}

impl<const LEAST: u64, const MOST: u64> JsonSchema for Whole<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// A positive, finite number up to 10^`EXPONENT`, and at least 10^-`EXPONENT`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Positive<const EXPONENT: i32>(f64);

impl<const EXPONENT: i32> Positive<EXPONENT> {
    pub(crate) const fn get(self) -> f64 {
        self.0
    }

    fn bounds() -> (f64, f64) {
        let most = libm::exp10(f64::from(EXPONENT));
        (1.0 / most, most)
    }
}

impl<'de, const EXPONENT: i32> Deserialize<'de> for Positive<EXPONENT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let shown = crate::document::shorten(&text);
        let (least, most) = Self::bounds();
        match text.parse::<f64>() {
            Ok(value) if value >= least && value <= most => Ok(Self(value)),
            Ok(value) if value.is_finite() => Err(D::Error::custom(format!(
                "`{shown}` is out of range: it must be between {least} and {most}"
            ))),
            _ => Err(D::Error::custom(format!("`{shown}` is not a finite number"))),
        }
    }
}

impl<const EXPONENT: i32> JsonSchema for Positive<EXPONENT> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("PositiveE{EXPONENT}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (least, most) = Self::bounds();
        json_schema!({ "type": "number", "minimum": least, "maximum": most })
    }
}

/// A time of the calendar, from 1970 to 2999: in what a run adds to it no year has five digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) jiff::Timestamp);

/// The text is not a time of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a time of the calendar: expected something like `2026-01-01T00:00:00Z`, from 1970 to 2999"
)]
pub(crate) struct InstantError(String);

impl FromStr for Instant {
    type Err = InstantError;

    fn from_str(text: &str) -> Result<Self, InstantError> {
        const YEAR_3000: i64 = 32_503_680_000;
        let told: Option<jiff::Timestamp> = text.parse().ok();
        told.filter(|told| (0..YEAR_3000).contains(&told.as_second()))
            .map(Self)
            .ok_or_else(|| InstantError(crate::document::shorten(text)))
    }
}

/// A time in a scenario: at most 366 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A time between failures: at most 100 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime(pub(crate) Duration);

const DAY: Duration = Duration::from_secs(86_400);

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        time_up_to(text, DAY * 366, "between 0 and 366 days").map(Self)
    }
}

impl FromStr for Lifetime {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        time_up_to(text, DAY * 36_525, "between 0 and 100 years").map(Self)
    }
}

fn time_up_to(text: &str, longest: Duration, range: &'static str) -> Result<Duration, UnitError> {
    match text.parse() {
        Ok(time) if time <= longest => Ok(time),
        Ok(_) | Err(UnitError::OutOfRange { .. }) => Err(UnitError::OutOfRange {
            text: crate::document::shorten(text).into(),
            name: "duration",
            range,
        }),
        Err(error @ (UnitError::Malformed { .. } | UnitError::UnknownUnit { .. })) => Err(error),
    }
}

/// A number, or `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<u32>);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Self(None));
        }
        match text.parse::<u32>() {
            Ok(limit @ 1..=1_000_000) => Ok(Self(Some(limit))),
            _ => Err(format!(
                "`{}` is not a limit: expected a number between 1 and 1000000, or `unlimited`",
                crate::document::shorten(text)
            )),
        }
    }
}

/// How fast bytes come onto a card, or `instant`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WeightLoad(pub(crate) Option<Bandwidth>);

impl FromStr for WeightLoad {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text == "instant" { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

/// A short form, written as a single value, or a long form.
#[derive(Debug, serde::Deserialize)]
#[serde(rename = "$either")]
pub(crate) enum Either<A, B> {
    /// A single value.
    Short(A),
    /// Keys or a list.
    Long(B),
}

impl<A: JsonSchema, B: JsonSchema> JsonSchema for Either<A, B> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Or{}", A::schema_name(), B::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let forms = [generator.subschema_for::<A>(), generator.subschema_for::<B>()];
        json_schema!({ "anyOf": forms })
    }
}

/// Keys that are names given in the scenario, in the order written.
#[derive(Debug)]
pub(crate) struct Entries<T>(pub(crate) Vec<(Node<String>, Node<T>)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("EntriesOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}
