//! A serde deserializer over the tree that goes on after a mistake.
//!
//! serde stops at the first error of a struct. Here every [`Node`](super::Node) is a border: an
//! error below it is reported with the node's place and the rest is read on. Unknown and missing
//! keys are found by this deserializer itself, from the list of fields that a derived struct asks
//! for, so that one derive yields the decoder, its complaints and (by schemars) the schema.

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
    value::{StrDeserializer, U32Deserializer},
};

use super::{Kind, NodeId, Report, Scalar, node::NODE};
use crate::near;

/// Reads the whole document; `None` if not even its outermost value could be read.
pub(crate) fn decode<T: for<'de> serde::Deserialize<'de>>(report: &Report<'_>) -> Option<T> {
    let at = report.document().root();
    match T::deserialize(Decoder { report, at, missing: None }) {
        Ok(value) => Some(value),
        Err(error) => {
            report.add(at, error.message, error.help);
            None
        }
    }
}

/// An enum of this name is told apart by the node's kind: its first variant is a scalar, its second
/// anything else.
pub(crate) const EITHER: &str = "$either";

/// A mistake on its way up to the nearest node.
#[derive(Debug)]
pub(super) struct DecodeError {
    message: String,
    help: Option<String>,
}

impl DecodeError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

/// A type may put its way out behind this separator of a custom message.
pub(crate) const HELP: &str = "\u{0}help: ";

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once(HELP) {
            Some((message, help)) => {
                Self { message: message.to_owned(), help: Some(help.to_owned()) }
            }
            None => Self { message: text, help: None },
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {found}"))
    }
}

type Decoded<T> = Result<T, DecodeError>;

/// One node to be read, or a key that is not there.
#[derive(Clone, Copy)]
struct Decoder<'a> {
    report: &'a Report<'a>,
    at: NodeId,
    /// This key of the mapping `at` is asked for, but it is not there.
    missing: Option<&'static str>,
}

impl<'a> Decoder<'a> {
    fn kind(&self) -> Option<&'a Kind> {
        self.missing.is_none().then(|| self.report.document().kind(self.at))
    }

    fn scalar(&self, expected: &str) -> Decoded<&'a str> {
        match self.kind() {
            Some(Kind::Scalar(scalar)) if !scalar.is_null() => Ok(&scalar.text),
            _ => Err(self.expected(expected)),
        }
    }

    fn expected(&self, expected: &str) -> DecodeError {
        let found = self.report.document().describe(self.at);
        DecodeError::new(format!("expected {expected}, found {found}"))
    }

    fn below(&self, at: NodeId) -> Self {
        Self { report: self.report, at, missing: None }
    }

    fn number<T: std::str::FromStr>(&self) -> Decoded<T> {
        let text = self.scalar("a whole number")?;
        text.parse().map_err(|_| self.expected("a whole number"))
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
            visitor.$visit(self.number()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        match self.kind() {
            None => visitor.visit_unit(),
            Some(Kind::Scalar(scalar)) if scalar.is_null() => visitor.visit_unit(),
            Some(Kind::Scalar(scalar)) => visitor.visit_str(&scalar.text),
            Some(Kind::Sequence(_)) => self.deserialize_seq(visitor),
            Some(Kind::Mapping(_)) => self.deserialize_map(visitor),
        }
    }

    whole_numbers! {
        deserialize_u8 visit_u8;
        deserialize_u16 visit_u16;
        deserialize_u32 visit_u32;
        deserialize_u64 visit_u64;
        deserialize_i8 visit_i8;
        deserialize_i16 visit_i16;
        deserialize_i32 visit_i32;
        deserialize_i64 visit_i64;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        match self.scalar("true or false")? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(self.expected("true or false")),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        let text = self.scalar("a number")?;
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
        visitor.visit_f64(value.ok_or_else(|| self.expected("a finite number"))?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        visitor.visit_str(self.scalar("text")?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        match self.kind() {
            None => visitor.visit_none(),
            Some(Kind::Scalar(scalar)) if scalar.is_null() => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Decoded<V::Value> {
        if name == NODE {
            visitor.visit_seq(NodeParts { decoder: self, place_is_next: true })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        match self.kind() {
            Some(Kind::Sequence(items)) => visitor.visit_seq(Items { decoder: self, items }),
            _ => Err(self.expected("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Decoded<V::Value> {
        match self.kind() {
            Some(Kind::Sequence(items)) if items.len() == length => {
                visitor.visit_seq(Items { decoder: self, items })
            }
            _ => Err(self.expected(&format!("a list of {length}"))),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        match self.kind() {
            Some(Kind::Mapping(pairs)) => {
                visitor.visit_map(Pairs { decoder: self, rest: pairs, known: None, value: None })
            }
            _ => Err(self.expected("keys")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Decoded<V::Value> {
        match self.kind() {
            Some(Kind::Mapping(pairs)) => {
                let known = Some(Fields { all: fields, missing: missing(&self, pairs, fields) });
                visitor.visit_map(Pairs { decoder: self, rest: pairs, known, value: None })
            }
            _ => Err(self.expected(&format!("the keys {}", near::list(fields)))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Decoded<V::Value> {
        let document = self.report.document();
        let (variant, content) = match self.kind() {
            Some(Kind::Scalar(_)) if name == EITHER => (variants[0], Some(self)),
            Some(_) if name == EITHER => (variants[1], Some(self)),
            Some(Kind::Scalar(Scalar { text, .. })) => (text.as_str(), None),
            Some(Kind::Mapping(pairs)) => match pairs.as_slice() {
                [(key, value)] => {
                    (document.text(*key).unwrap_or_default(), Some(self.below(*value)))
                }
                _ => return Err(self.expected(&format!("one of {}", near::list(variants)))),
            },
            Some(Kind::Sequence(_)) | None => {
                return Err(self.expected(&format!("one of {}", near::list(variants))));
            }
        };
        if !variants.contains(&variant) {
            let help = near::suggestion(variant, variants.iter().copied());
            let message = format!("expected one of {}, found `{variant}`", near::list(variants));
            return Err(DecodeError { message, help: near::did_you_mean(help) });
        }
        visitor.visit_enum(Variant { name: variant, content, decoder: self })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Decoded<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Decoded<V::Value> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf tuple_struct ignored_any
    }
}

/// The fields that are not among the keys, last one first; unknown keys are reported on the way.
fn missing(
    decoder: &Decoder<'_>,
    pairs: &[(NodeId, NodeId)],
    fields: &'static [&'static str],
) -> Vec<&'static str> {
    let document = decoder.report.document();
    let keys: Vec<_> =
        pairs.iter().map(|(key, _)| document.text(*key).unwrap_or_default()).collect();
    for (&key, &(at, _)) in keys.iter().zip(pairs) {
        if !fields.contains(&key) {
            let help = near::did_you_mean(near::suggestion(key, fields.iter().copied()))
                .or_else(|| Some(format!("the keys here are {}", near::list(fields))));
            let key = super::shorten(key);
            decoder.report.add(at, format!("unknown key `{key}`"), help);
        }
    }
    fields.iter().rev().copied().filter(|field| !keys.contains(field)).collect()
}

/// A node's place, then its value; a value that cannot be read is reported here and left out.
struct NodeParts<'a> {
    decoder: Decoder<'a>,
    place_is_next: bool,
}

impl<'de> SeqAccess<'de> for NodeParts<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Decoded<Option<T::Value>> {
        let Decoder { report, at, missing } = self.decoder;
        if std::mem::take(&mut self.place_is_next) {
            let place: U32Deserializer<DecodeError> = at.0.into_deserializer();
            return seed.deserialize(place).map(Some);
        }
        if let Some(key) = missing {
            let word = report.document().text(at);
            let help = word.map(|word| format!("write `{{ {word}: {{ {key}: ... }} }}`"));
            report.add(at, format!("the key `{key}` is missing"), help);
            return Ok(None);
        }
        match seed.deserialize(self.decoder) {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                report.add(at, error.message, error.help);
                Ok(None)
            }
        }
    }
}

struct Items<'a> {
    decoder: Decoder<'a>,
    items: &'a [NodeId],
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Decoded<Option<T::Value>> {
        let Some((&first, rest)) = self.items.split_first() else { return Ok(None) };
        self.items = rest;
        seed.deserialize(self.decoder.below(first)).map(Some)
    }
}

struct Fields {
    all: &'static [&'static str],
    missing: Vec<&'static str>,
}

/// The entries of a mapping; for a struct, its known keys and then every field that is missing.
struct Pairs<'a> {
    decoder: Decoder<'a>,
    rest: &'a [(NodeId, NodeId)],
    known: Option<Fields>,
    value: Option<Decoder<'a>>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Decoded<Option<K::Value>> {
        let document = self.decoder.report.document();
        while let Some((&(key, value), rest)) = self.rest.split_first() {
            self.rest = rest;
            let text = document.text(key).unwrap_or_default();
            if self.known.as_ref().is_none_or(|fields| fields.all.contains(&text)) {
                self.value = Some(self.decoder.below(value));
                return seed.deserialize(self.decoder.below(key)).map(Some);
            }
        }
        let Some(field) = self.known.as_mut().and_then(|fields| fields.missing.pop()) else {
            return Ok(None);
        };
        self.value = Some(Decoder { missing: Some(field), ..self.decoder });
        let name: StrDeserializer<'_, DecodeError> = field.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Decoded<T::Value> {
        let value = self.value.take().expect("a value follows its key");
        seed.deserialize(value)
    }
}

/// A variant's name and what it holds; a bare word holds nothing, or the defaults of its keys.
struct Variant<'a> {
    name: &'a str,
    content: Option<Decoder<'a>>,
    decoder: Decoder<'a>,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Decoded<(V::Value, Variant<'a>)> {
        let name: StrDeserializer<'_, DecodeError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl Variant<'_> {
    fn content(&self) -> Decoded<Decoder<'_>> {
        self.content.ok_or_else(|| DecodeError {
            message: format!("`{}` needs settings of its own", self.name),
            help: Some(format!("write `{{ {}: ... }}`", self.name)),
        })
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Decoded<()> {
        match self.content.map(|content| (content, content.kind())) {
            None => Ok(()),
            Some((_, Some(Kind::Scalar(scalar)))) if scalar.is_null() => Ok(()),
            Some((_, Some(Kind::Mapping(pairs)))) if pairs.is_empty() => Ok(()),
            Some((content, _)) => {
                Err(content.expected(&format!("`{}` without settings", self.name)))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Decoded<T::Value> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Decoded<V::Value> {
        self.content()?.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Decoded<V::Value> {
        let Some(content) = self.content else {
            let missing = fields.iter().rev().copied().collect();
            let known = Some(Fields { all: fields, missing });
            let nothing = Pairs { decoder: self.decoder, rest: &[], known, value: None };
            return visitor.visit_map(nothing);
        };
        content.deserialize_struct("", fields, visitor)
    }
}
