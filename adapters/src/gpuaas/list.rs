//! Lists in their several shapes.

use connector::{Error, ErrorKind};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal_in;
use crate::harpoon_v1::readable;

/// Where an object keeps its rows.
const KEYS: [&str; 4] = ["items", "pools", "metrics", "data"];

/// Rows, and which page of them this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// As they came.
    pub rows: Vec<T>,
    /// `None` for a list that has no pages.
    pub page: Option<Page>,
}

/// What an envelope says of its pages, as far as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows of all pages together.
    pub total_items: Option<u64>,
    /// Pages.
    pub total_pages: Option<u64>,
}

/// What a success without content means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenEmpty {
    /// There are no rows.
    NoRows,
    /// The list failed: no rows would mean that everything is gone (pathology 33).
    Failed,
}

/// Reads the body of a success as a list: a bare array, an object with `items`, `pools`, `metrics` or
/// `data`, or `null`.
///
/// # Errors
/// The refusal that the body is, or `Protocol` for a body of another shape or a row that cannot be
/// read: a list of which a part is left out looks as if that part were gone.
pub fn read_list<T: DeserializeOwned>(
    body: &[u8],
    when_empty: WhenEmpty,
) -> Result<Listed<T>, Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return match when_empty {
            WhenEmpty::NoRows => Ok(Listed { rows: Vec::new(), page: None }),
            WhenEmpty::Failed => Err(odd("a list came without content")),
        };
    }
    let value = serde_json::from_slice(body).map_err(|error| odd(&format!("no list: {error}")))?;
    match value {
        Value::Null => Ok(Listed { rows: Vec::new(), page: None }),
        Value::Array(rows) => Ok(Listed { rows: read_rows(rows)?, page: None }),
        Value::Object(envelope) => read_envelope(body, envelope),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(odd("no list, but one value")),
    }
}

fn read_envelope<T: DeserializeOwned>(
    body: &[u8],
    mut envelope: Map<String, Value>,
) -> Result<Listed<T>, Error> {
    let count = |name: &str| envelope.get(name).and_then(Value::as_u64);
    let page = Page { total_items: count("total_items"), total_pages: count("total_pages") };
    let rows = match KEYS.into_iter().find_map(|key| envelope.remove(key)) {
        Some(Value::Array(rows)) => read_rows(rows)?,
        Some(Value::Null) => Vec::new(),
        Some(_) | None => {
            return Err(refusal_in(body).unwrap_or_else(|| odd("no list, but an object")));
        }
    };
    Ok(Listed { rows, page: Some(page) })
}

fn read_rows<T: DeserializeOwned>(rows: Vec<Value>) -> Result<Vec<T>, Error> {
    let read = |row| serde_json::from_value(row).map_err(|error| odd(&format!("a row: {error}")));
    rows.into_iter().map(read).collect()
}

fn odd(words: &str) -> Error {
    Error::new(ErrorKind::Protocol, readable(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpuaas::WireId;

    fn read(body: &str) -> Result<Vec<WireId>, ErrorKind> {
        let listed = read_list(body.as_bytes(), WhenEmpty::Failed);
        listed.map(|listed| listed.rows).map_err(|error| error.kind)
    }

    #[test]
    fn p16_a_list_is_read_in_every_shape_it_was_seen_in() {
        let both = Ok(vec![WireId::from(1), WireId::from(2)]);
        for body in
            ["[1,2]", r#"{"items":[1,"2"]}"#, r#"{"pools":[1,2],"x":0}"#, r#"{"data":[1,2]}"#]
        {
            assert_eq!(read(body), both, "{body}");
        }
        for body in ["null", "[]", r#"{"items":null}"#] {
            assert_eq!(read(body), Ok(Vec::new()), "{body}");
        }
    }

    #[test]
    fn p33_a_list_that_failed_is_not_an_empty_one() {
        for body in ["", " ", "{}", "7", "ok", r#"{"items":7}"#, "[null]", "[1,{}]"] {
            assert_eq!(read(body), Err(ErrorKind::Protocol), "{body}");
        }
        let broken = r#"{"code":12370004,"message":"unable to retrieve"}"#;
        assert_eq!(read(broken), Err(ErrorKind::PolicyRefused));
        let listed = read_list::<WireId>(b"", WhenEmpty::NoRows);
        assert_eq!(listed.unwrap().rows, []);
    }

    #[test]
    fn pages_are_told() {
        let body = br#"{"items":[1],"page":0,"per_page":1,"total_items":3,"total_pages":3}"#;
        let listed = read_list::<WireId>(body, WhenEmpty::Failed).unwrap();
        assert_eq!(listed.page, Some(Page { total_items: Some(3), total_pages: Some(3) }));
    }
}
