//! JSON ↔ component values: the identity over generated values, and a path in every mistake.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use base64::Engine as _;
use hotcell_protocol::Action;
use hotcell_protocol::Case;
use hotcell_protocol::Code;
use hotcell_protocol::Field;
use hotcell_protocol::Type;
use hotcell_sandbox::values;
use serde_json::Value;
use serde_json::json;
use wasmtime::component::Val;

fn action(kind: Type) -> Action {
    let parameters = vec![Field { name: "x".into(), kind }];
    Action { name: "go".into(), interface: None, function: "go".into(), parameters, result: None }
}

fn read(kind: &Type, value: Value) -> Result<Val, String> {
    let values = values::arguments(&action(kind.clone()), &json!({ "x": value })).map_err(|refusal| {
        assert_eq!(refusal.code, Code::BadArguments);
        refusal.message
    })?;
    Ok(values.into_iter().next().unwrap())
}

fn write(kind: &Type, value: &Val) -> Value {
    values::to_json(value, kind, &mut values::Budget::new(1 << 22)).unwrap()
}

/// xorshift64*: the same sequence in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn text(&mut self) -> String {
        let length = self.below(6);
        (0..length)
            .map(|_| char::from_u32(u32::try_from(self.below(0x11_0000)).unwrap()).unwrap_or('\u{fffd}'))
            .collect()
    }

    fn kind(&mut self, depth: u64) -> Type {
        let leaf = [
            Type::Bool,
            Type::Char,
            Type::F64,
            Type::S8,
            Type::S16,
            Type::S32,
            Type::S64,
            Type::String,
            Type::U8,
            Type::U16,
            Type::U32,
            Type::U64,
        ];
        let names = || vec!["a".to_owned(), "b-c".to_owned(), "d".to_owned()];
        match self.below(if depth == 0 { 12 } else { 20 }) {
            n @ 0..12 => leaf[usize::try_from(n).unwrap()].clone(),
            12 => Type::Enum(names()),
            13 => Type::Flags(names()),
            14 => Type::List(Box::new(self.kind(depth - 1))),
            // An option of an option has two readings of null.
            15 => match self.kind(depth - 1) {
                Type::Option(_) => Type::Option(Box::new(Type::U8)),
                other => Type::Option(Box::new(other)),
            },
            16 => Type::Record(vec![self.field("a", depth), self.field("b", depth)]),
            17 => Type::Tuple(vec![self.kind(depth - 1), self.kind(depth - 1)]),
            18 => Type::Variant(vec![
                Case { name: "a".into(), kind: None },
                Case { name: "b".into(), kind: Some(self.kind(depth - 1)) },
            ]),
            _ => Type::Result { ok: Some(Box::new(self.kind(depth - 1))), err: None },
        }
    }

    fn field(&mut self, name: &str, depth: u64) -> Field {
        Field { name: name.into(), kind: self.kind(depth - 1) }
    }

    fn value(&mut self, kind: &Type) -> Value {
        let wide = |number: i128| {
            if number.unsigned_abs() < 1 << 53 {
                json!(i64::try_from(number).unwrap())
            } else {
                json!(number.to_string())
            }
        };
        let bits = self.next() >> self.below(64);
        let signed = bits.cast_signed();
        match kind {
            Type::Bool => json!(bits & 1 == 0),
            Type::Char => json!(self.text().chars().next().unwrap_or('x').to_string()),
            Type::Enum(names) => json!(names[usize::try_from(bits % 3).unwrap()]),
            Type::F32 | Type::F64 => json!(f64::from(u32::try_from(bits & 0xffff_ffff).unwrap()) / 8.0),
            Type::Flags(names) => json!(names.iter().filter(|_| self.next() & 1 == 0).collect::<Vec<_>>()),
            Type::List(item) if **item == Type::U8 => {
                json!(base64::engine::general_purpose::STANDARD.encode(self.text()))
            }
            Type::List(item) => Value::Array((0..self.below(4)).map(|_| self.value(item)).collect()),
            Type::Option(_) if bits & 1 == 0 => Value::Null,
            Type::Option(inner) => self.value(inner),
            Type::Record(fields) => {
                Value::Object(fields.iter().map(|field| (field.name.clone(), self.value(&field.kind))).collect())
            }
            Type::Result { ok, .. } if bits & 1 == 0 => json!({"ok": self.value(ok.as_ref().unwrap())}),
            Type::Result { .. } => json!({"err": null}),
            Type::S8 => json!(signed % 128),
            Type::S16 => json!(signed % 32_768),
            Type::S32 => json!(signed % (1 << 31)),
            Type::S64 => wide(i128::from(signed)),
            Type::String => json!(self.text()),
            Type::Tuple(kinds) => Value::Array(kinds.iter().map(|kind| self.value(kind)).collect()),
            Type::U8 => json!(bits % 256),
            Type::U16 => json!(bits % 65_536),
            Type::U32 => json!(bits % (1 << 32)),
            Type::U64 => wide(i128::from(bits)),
            Type::Variant(cases) => match &cases[usize::try_from(bits % 2).unwrap()] {
                Case { name, kind: None } => json!({ name.as_str(): null }),
                Case { name, kind: Some(kind) } => json!({ name.as_str(): self.value(kind) }),
            },
        }
    }
}

#[test]
fn json_to_value_to_json_is_the_identity() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        let kind = random.kind(4);
        let value = random.value(&kind);
        let read = read(&kind, value.clone()).unwrap_or_else(|error| panic!("{error}: {value} as {kind:?}"));
        assert_eq!(write(&kind, &read), value, "{kind:?}");
    }
}

#[test]
fn whatever_json_comes_the_reader_answers_with_a_value_or_a_path() {
    let mut random = Random(7);
    let mut refused = 0;
    for _ in 0..20_000 {
        let (kind, other) = (random.kind(3), random.kind(3));
        if let Err(message) = read(&kind, random.value(&other)) {
            assert!(message.starts_with("arguments.x"), "{message}");
            refused += 1;
        }
    }
    assert!(refused > 1_000);
}

#[test]
fn every_mistake_names_its_path() {
    let filter = Type::Record(vec![
        Field { name: "state".into(), kind: Type::Enum(vec!["open".into(), "closed".into()]) },
        Field { name: "labels".into(), kind: Type::List(Box::new(Type::String)) },
    ]);
    let cases = [
        (json!({"state": "opn", "labels": []}), "arguments.x.state: expected one of \"open\", \"closed\", got \"opn\""),
        (json!({"state": "open", "labels": ["a", 1]}), "arguments.x.labels[1]: expected a string, got another number"),
        (json!({"state": "open"}), "arguments.x.labels: is missing; it is an array"),
        (
            json!({"state": "open", "labels": [], "lables": 1}),
            "arguments.x.lables: there is no such field; there are: state, labels",
        ),
        (json!([]), "arguments.x: expected an object, got an array of 0"),
    ];
    for (value, expected) in cases {
        assert_eq!(read(&filter, value).unwrap_err(), expected);
    }
}

#[test]
fn numbers_are_taken_whole_or_not_at_all() {
    for (kind, bad) in [
        (Type::U8, json!(256)),
        (Type::U8, json!(-1)),
        (Type::U8, json!(1.5)),
        (Type::S8, json!(128)),
        (Type::U32, json!(4_294_967_296_u64)),
        (Type::U64, json!("18446744073709551616")),
        (Type::U64, json!("+5")),
        (Type::U64, json!("05")),
        (Type::U64, json!(" 5")),
        (Type::S64, json!("-0")),
        (Type::S64, json!(9_223_372_036_854_775_808_u64)),
        (Type::Char, json!("ab")),
        (Type::Char, json!("")),
        (Type::List(Box::new(Type::U8)), json!("not base64!")),
        (Type::Flags(vec!["a".into()]), json!(["a", "a"])),
        (Type::Tuple(vec![Type::U8]), json!([1, 2])),
        (Type::Bool, json!(1)),
    ] {
        assert!(read(&kind, bad.clone()).is_err(), "{bad} as {kind:?}");
    }
    assert_eq!(write(&Type::U64, &Val::U64(u64::MAX)), json!("18446744073709551615"));
    assert_eq!(write(&Type::U64, &Val::U64((1 << 53) - 1)), json!(9_007_199_254_740_991_u64));
}

#[test]
fn o3_numbers_that_json_does_not_have_are_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refusal = values::to_json(&Val::Float64(value), &Type::F64, &mut values::Budget::new(100)).unwrap_err();
        assert_eq!(refusal.code, Code::GuestTrapped);
    }
}

#[test]
fn g13_a_long_argument_is_not_quoted_in_the_error() {
    let message = read(&Type::U8, json!("ghp_0123456789abcdefghijklmnopqrstuvwxyz")).unwrap_err();
    assert!(!message.contains("ghp_"), "{message}");
}
