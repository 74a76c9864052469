//! Lines of JSON: an object on each, one field of which is the URL.
//!
//! The other fields travel along as the JSON that they were, in their order: numbers keep all their
//! digits. Nothing of a line that is no object is guessed at.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::lines::{Line, RECORD_MAX};
use super::parse::{Parsed, bad, too_long, url_of};
use super::rows::MARK;
use crate::record::string;

/// Reads a line whose URL is in this field.
pub(super) fn parse(field: &str, line: &Line<'_>) -> Parsed {
    let mut bytes = line.bytes;
    if line.index == 0 {
        bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    }
    let bytes = bytes.trim_ascii();
    if line.length > RECORD_MAX as u64 {
        return bad(bytes, too_long(line, RECORD_MAX));
    }
    match bytes.first() {
        None => return Parsed::Nothing,
        Some(b'{') => {}
        Some(_) => return bad(bytes, "the line is no JSON object"),
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return bad(bytes, "the line is not UTF-8");
    };
    let object: Object<'_> = match serde_json::from_str(text) {
        Ok(object) => object,
        Err(error) => return bad(bytes, message(&error)),
    };
    let columns = object.columns(field);
    // Of a name that occurs more than once the last value counts, as for other readers of JSON.
    let url = object.fields.iter().rfind(|(name, _)| name == field);
    let url = match url.map(|(_, value)| value.get()) {
        None => Err(format!("the object has no field '{field}'")),
        Some(value) => text_of(field, value),
    };
    let parsed = match url {
        Ok(url) => url_of(url.trim(), line),
        Err(message) => bad(b"", message),
    };
    parsed.with(columns)
}

/// The value of the field as text.
fn text_of(field: &str, value: &str) -> Result<String, String> {
    let kind = match value.as_bytes().first() {
        Some(b'"') => {
            let text = serde_json::from_str::<String>(value).map_err(|error| message(&error))?;
            if text.trim().is_empty() {
                return Err(format!("the field '{field}' is empty"));
            }
            return Ok(text);
        }
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        _ => "a number",
    };
    Err(format!("the field '{field}' is {kind} and no string"))
}

fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    format!("the line is no JSON: {what} at column {}", error.column())
}

/// The fields of an object, in their order.
struct Object<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl Object<'_> {
    /// All fields but one as a JSON object; none if there are no others.
    fn columns(&self, without: &str) -> Option<Box<str>> {
        let mut json = b"{".to_vec();
        for (name, value) in &self.fields {
            if name == without {
                continue;
            }
            if json.len() > 1 {
                json.push(b',');
            }
            string(name, &mut json);
            json.push(b':');
            // White space between tokens that some readers take for the end of a line.
            json.extend(value.get().bytes().filter(|byte| *byte != b'\r'));
        }
        if json.len() == 1 {
            return None;
        }
        json.push(b'}');
        String::from_utf8(json).ok().map(Into::into)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Object { fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A name that is borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
