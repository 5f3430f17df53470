//! How long a token lives: `expires_in` (RFC 6749 §5.1), which servers write in many ways (threat L18).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::Deserializer;
use serde::de;
use serde::de::IgnoredAny;

/// Longest life that is believed: a year.
const LONGEST: u64 = 365 * 24 * 60 * 60;

/// `None` where nothing was said that can be understood: a silly life must not cost a rotated refresh token. Zero and less
/// is expired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Life(pub(crate) Option<Duration>);

fn seconds(seconds: u64) -> Life {
    Life(Some(Duration::from_secs(seconds.min(LONGEST))))
}

impl<'de> Deserialize<'de> for Life {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Life;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Life, E> {
        Ok(seconds(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Life, E> {
        Ok(seconds(u64::try_from(value).unwrap_or(0)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Life, E> {
        // Below zero and not a number give zero.
        Ok(seconds(Duration::try_from_secs_f64(value.clamp(0.0, 1e9)).map_or(0, |life| life.as_secs())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Life, E> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(if digits { seconds(text.parse().unwrap_or(LONGEST)) } else { Life(None) })
    }

    fn visit_unit<E>(self) -> Result<Life, E> {
        Ok(Life(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Life, E> {
        Ok(Life(None))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut from: A) -> Result<Life, A::Error> {
        while from.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Life(None))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut from: A) -> Result<Life, A::Error> {
        while from.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Life(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l18_absurd_lives_are_clamped_and_odd_ones_unknown() {
        let read = |text: &str| serde_json::from_str::<Life>(text).unwrap().0.map(|life| life.as_secs());
        for (text, expected) in [
            ("3600", Some(3600)),
            ("\"3600\"", Some(3600)),
            ("3599.9", Some(3599)),
            ("0", Some(0)),
            ("-1", Some(0)),
            ("-0.5", Some(0)),
            ("1000000000000", Some(LONGEST)),
            ("1e300", Some(LONGEST)),
            ("99999999999999999999999999", Some(LONGEST)),
            ("\"99999999999999999999999999\"", Some(LONGEST)),
            ("\"\"", None),
            ("\"-1\"", None),
            ("\"soon\"", None),
            ("null", None),
            ("true", None),
            ("[1,[2]]", None),
            ("{\"a\":{}}", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
