//! JSON ↔ component values, fuzzed: what is read is written as what was read, and reads again as the same.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use hotcell_fuzz::Target;
use hotcell_fuzz::outcome;
use hotcell_protocol::Action;
use hotcell_protocol::Case;
use hotcell_protocol::Field;
use hotcell_protocol::Type;
use hotcell_sandbox::values;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

/// Bytes as decisions; zeroes when they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    fn wide(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    fn kind(&mut self, depth: u8) -> Type {
        let inner = |this: &mut Self| Box::new(this.kind(depth + 1));
        let names = |this: &mut Self| (0..=this.below(3)).map(|n| format!("n{n}")).collect::<Vec<_>>();
        match self.below(if depth > 3 { 14 } else { 22 }) {
            0 => Type::Bool,
            1 => Type::Char,
            2 => Type::F32,
            3 => Type::F64,
            4 => Type::S8,
            5 => Type::S16,
            6 => Type::S32,
            7 => Type::S64,
            8 => Type::U8,
            9 => Type::U16,
            10 => Type::U32,
            11 => Type::U64,
            12 => Type::String,
            13 => Type::Enum(names(self)),
            14 => Type::Flags(names(self)),
            15 | 16 => Type::List(inner(self)),
            17 => Type::Option(inner(self)),
            18 => {
                Type::Record(names(self).into_iter().map(|name| Field { name, kind: self.kind(depth + 1) }).collect())
            }
            19 => Type::Tuple((0..=self.below(3)).map(|_| self.kind(depth + 1)).collect()),
            20 => Type::Variant(
                names(self)
                    .into_iter()
                    .map(|name| Case { name, kind: (self.below(2) == 0).then(|| self.kind(depth + 1)) })
                    .collect(),
            ),
            _ => Type::Result { ok: Some(inner(self)), err: (self.below(2) == 0).then(|| inner(self)) },
        }
    }

    /// JSON that mostly fits the type.
    fn json(&mut self, kind: &Type) -> Value {
        if self.byte() > 250 {
            return self.any(0);
        }
        let name = |this: &mut Self, names: &[String]| names[usize::from(this.byte()) % names.len()].clone();
        match kind {
            Type::Bool => json!(self.below(2) == 0),
            Type::Char => {
                json!(char::from_u32(u32::try_from(self.wide() & 0x1f_ffff).unwrap()).unwrap_or('x').to_string())
            }
            Type::F32 => json!(f32::from_bits(u32::try_from(self.wide() >> 32).unwrap())),
            Type::F64 => json!(f64::from_bits(self.wide())),
            Type::S8 | Type::S16 | Type::S32 | Type::S64 => self.number(true),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => self.number(false),
            Type::String => json!(String::from_utf8_lossy(&self.wide().to_le_bytes())),
            Type::Enum(names) => json!(name(self, names)),
            Type::Flags(names) => json!((0..self.below(3)).map(|_| name(self, names)).collect::<Vec<_>>()),
            Type::List(item) if **item == Type::U8 => {
                json!(["", "AAEC", "AA==", "AA", "-_8=", "+/8="][usize::from(self.below(6))])
            }
            Type::List(item) => json!((0..self.below(4)).map(|_| self.json(item)).collect::<Vec<_>>()),
            Type::Option(inner) => {
                if self.below(3) == 0 {
                    Value::Null
                } else {
                    self.json(inner)
                }
            }
            Type::Record(fields) => {
                Value::Object(fields.iter().map(|field| (field.name.clone(), self.json(&field.kind))).collect())
            }
            Type::Tuple(kinds) => json!(kinds.iter().map(|kind| self.json(kind)).collect::<Vec<_>>()),
            Type::Variant(cases) => {
                let case = &cases[usize::from(self.byte()) % cases.len()];
                let payload = case.kind.as_ref().map_or(Value::Null, |kind| self.json(kind));
                Value::Object([(case.name.clone(), payload)].into_iter().collect())
            }
            Type::Result { ok, err } => {
                let (name, kind) = if self.below(2) == 0 { ("ok", ok) } else { ("err", err) };
                json!({ name: kind.as_ref().map_or(Value::Null, |kind| self.json(kind)) })
            }
        }
    }

    /// Numbers at the edges, as numbers and as texts.
    fn number(&mut self, signed: bool) -> Value {
        let wide = self.wide() >> self.below(64);
        let text = self.below(4) == 0;
        if signed {
            let number = wide.cast_signed();
            if text { json!(number.to_string()) } else { json!(number) }
        } else if text {
            json!(wide.to_string())
        } else {
            json!(wide)
        }
    }

    fn any(&mut self, depth: u8) -> Value {
        match self.below(if depth > 3 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(1e300),
            3 => json!("00"),
            4 => json!("18446744073709551616"),
            5 => json!(-1),
            6 => json!([self.any(depth + 1), self.any(depth + 1)]),
            _ => json!({"n0": self.any(depth + 1), "zz": self.any(depth + 1)}),
        }
    }
}

fn values(data: &[u8]) -> u64 {
    let mut choices = Choices(data);
    let kind = choices.kind(0);
    let value = choices.json(&kind);
    let parameters = vec![Field { name: "x".into(), kind: kind.clone() }];
    let action = Action { name: "go".into(), interface: None, function: "go".into(), parameters, result: None };
    let shape = format!("{kind:?}").chars().filter(char::is_ascii_uppercase).take(4).collect::<String>();
    match values::arguments(&action, &json!({ "x": value })) {
        Ok(read) => {
            let written = values::to_json(&read[0], &kind, &mut values::Budget::new(1 << 20)).unwrap();
            let again = values::arguments(&action, &json!({ "x": written }))
                .unwrap_or_else(|refusal| panic!("{written}: {refusal:?}"));
            assert_eq!(again, read, "{written} reads as something else than {value}");
            assert_eq!(values::to_json(&again[0], &kind, &mut values::Budget::new(1 << 20)).unwrap(), written);
            outcome((true, shape))
        }
        Err(refusal) => {
            assert!(refusal.message.starts_with("arguments.x"), "no path: {}", refusal.message);
            outcome((false, shape, refusal.message.contains("got")))
        }
    }
}

#[test]
fn fuzz_values() {
    let target = Target {
        name: "values",
        seeds: &[
            b"\x0c\x00text",
            b"\x12\x02\x07\x0b\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x0f\x08\x00\x01",
            b"\x15\x01\x00\x03",
            b"\x14\x03\x00\x00\x01",
        ],
        words: &[
            b"\x00",
            b"\xff",
            b"\x7f\xf0\0\0\0\0\0\0",
            b"\x80\0\0\0\0\0\0\0",
            b"\0\x1f\xff\xff\xff\xff\xff\xff",
            b"\x12",
            b"\x14",
            b"\x15",
        ],
    };
    target.drive(values);
}

proptest! {
    #[test]
    fn json_and_values_round_trip(data in prop::collection::vec(any::<u8>(), 0..120)) {
        values(&data);
    }
}
