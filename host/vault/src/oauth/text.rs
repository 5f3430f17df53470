//! Text in JSON of others, read where it stands: a value of another type counts as absent, and no copy is made that nobody
//! wipes. (A text with escapes goes through a buffer of the JSON reader's, which is not wiped; tokens have none.)

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

/// An object of JSON. An array of the same values is none, though the JSON reader would take it.
pub(crate) fn object<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Option<T> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(body).ok()).flatten()
}

/// What `read` makes of a text; `None` for a value of another type.
pub(crate) fn read<'de, D: Deserializer<'de>, T>(from: D, read: impl FnOnce(&str) -> T) -> Result<Option<T>, D::Error> {
    from.deserialize_any(Visitor(read))
}

/// A text that may be secret. An empty one counts as absent.
pub(crate) fn hidden<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    let text = read(from, |text| Zeroizing::new(text.to_owned()))?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// A text that is not secret.
pub(crate) fn plain<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    read(from, str::to_owned)
}

struct Visitor<F>(F);

impl<'de, T, F: FnOnce(&str) -> T> de::Visitor<'de> for Visitor<F> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(Some((self.0)(text)))
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut from: A) -> Result<Option<T>, A::Error> {
        while from.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut from: A) -> Result<Option<T>, A::Error> {
        while from.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
