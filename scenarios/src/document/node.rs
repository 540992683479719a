use std::{fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use super::NodeId;

/// A value with its place, and the border at which reading recovers: a value that could not be read
/// is reported once, is `None` here, and everything around it is read on.
#[derive(Clone, Debug)]
pub(crate) struct Node<T> {
    /// Where it is written; for a missing key, where it is missing.
    pub(crate) at: NodeId,
    value: Option<T>,
}

impl<T> Node<T> {
    /// The value; `None` if it was wrong or missing, which has been reported.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The value by itself, where it is cheap to copy.
    pub(crate) fn copied(&self) -> Option<T>
    where
        T: Copy,
    {
        self.value
    }
}

/// The decoder knows a [`Node`] by this name and hands its place and value over as a sequence; serde
/// has no other channel for "something beside the value".
pub(super) const NODE: &str = "$node";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Node<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NODE, NodeVisitor(PhantomData))
    }
}

struct NodeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NodeVisitor<T> {
    type Value = Node<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node of a scenario document")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Node<T>, A::Error> {
        let at = parts.next_element::<u32>()?.expect("the decoder hands a node's place over first");
        Ok(Node { at: NodeId(at), value: parts.next_element()? })
    }
}

/// A node's schema is its value's.
impl<T: schemars::JsonSchema> schemars::JsonSchema for Node<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}
