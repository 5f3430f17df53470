//! What changed between two versions of a tool, and which of it breaks whoever calls it. Pure.
//!
//! Callers know an action by its JSON: arguments by name, results by shape. So a change is judged there: an argument must take every
//! value that it took, and a result must be none that a caller could not read.

use hotcell_protocol::Action;
use hotcell_protocol::Case;
use hotcell_protocol::Description;
use hotcell_protocol::Field;
use hotcell_protocol::Type;
use hotcell_protocol::text::visible;

use crate::signature::wit;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Where: an action, or a part of its values.
    pub(super) place: String,
    /// What is different.
    pub(super) what: String,
    /// Whether calls that worked may not work any more. The others only may meet something new.
    pub(super) breaks: bool,
}

impl Change {
    /// In one line.
    pub(super) fn what_and_where(&self) -> String {
        format!("{}: {}", visible(&self.place), visible(&self.what))
    }
}

/// Every change that a caller can notice, but for additions that nobody needs to know of.
pub(super) fn changes(before: &Description, after: &Description) -> Vec<Change> {
    let mut all = Changes(Vec::new());
    for old in &before.actions {
        match after.action(&old.name) {
            Some(new) => all.action(old, new),
            None => all.add(&old.name, true, "the action is gone"),
        }
    }
    all.0
}

/// On which side of a call a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Callers make it.
    Argument,
    /// Callers read it.
    Result,
}

struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, place: &str, breaks: bool, what: impl Into<String>) {
        self.0.push(Change { place: place.to_owned(), what: what.into(), breaks });
    }

    fn action(&mut self, old: &Action, new: &Action) {
        let place = |part: &str| format!("{}: {part}", old.name);
        self.arguments(&old.parameters, &new.parameters, &|name| place(&format!("parameter {name}")));
        match (&old.result, &new.result) {
            (Some(Type::Result { ok, err }), Some(Type::Result { ok: new_ok, err: new_err })) => {
                self.payload(ok.as_deref(), new_ok.as_deref(), &place("result"), Side::Result);
                self.payload(err.as_deref(), new_err.as_deref(), &place("error"), Side::Result);
            }
            // An action that could not fail, and now can: the result is where it was.
            (Some(kind), Some(Type::Result { ok, .. })) => {
                self.payload(Some(kind), ok.as_deref(), &place("result"), Side::Result);
                self.add(&place("error"), false, "it can fail now");
            }
            (old, new) => self.payload(old.as_ref(), new.as_ref(), &place("result"), Side::Result),
        }
    }

    /// Names of values that callers make: what is unknown is refused, and what is needed must be there.
    fn arguments(&mut self, old: &[Field], new: &[Field], place: &dyn Fn(&str) -> String) {
        for field in old {
            match new.iter().find(|of| of.name == field.name) {
                Some(of) => self.kind(&field.kind, &of.kind, &place(&field.name), Side::Argument),
                None => self.add(&place(&field.name), true, "it is gone, and whoever gives it is refused"),
            }
        }
        let added = new.iter().filter(|of| old.iter().all(|field| field.name != of.name));
        for field in added.filter(|field| !matches!(field.kind, Type::Option(_))) {
            self.add(&place(&field.name), true, "it is new and must be given");
        }
    }

    /// Names of values that callers read: what they read must be there; what is new they need not know.
    fn read(&mut self, old: &[Field], new: &[Field], place: &str) {
        for field in old {
            let place = step(place, &field.name);
            match new.iter().find(|of| of.name == field.name) {
                Some(of) => self.kind(&field.kind, &of.kind, &place, Side::Result),
                None => self.add(&place, true, "it is gone"),
            }
        }
    }

    fn payload(&mut self, old: Option<&Type>, new: Option<&Type>, place: &str, side: Side) {
        match (old, new) {
            (None, None) => {}
            (Some(old), Some(new)) => self.kind(old, new, place, side),
            (None, Some(new)) => {
                self.add(place, side == Side::Argument, format!("it is {} now, and was nothing", wit(new)))
            }
            (Some(old), None) => self.add(place, true, format!("it was {}, and is nothing now", wit(old))),
        }
    }

    fn kind(&mut self, old: &Type, new: &Type, place: &str, side: Side) {
        let (values, room) = match side {
            Side::Argument => (old, new),
            Side::Result => (new, old),
        };
        match (old, new) {
            (old, new) if old == new => {}
            (Type::Option(old), Type::Option(new)) => self.kind(old, new, place, side),
            (_, Type::Option(inner)) if side == Side::Argument => self.kind(old, inner, place, side),
            (Type::Option(inner), _) if side == Side::Result => self.kind(inner, new, place, side),
            (_, Type::Option(inner)) => {
                self.add(place, true, "it may be missing now");
                self.kind(old, inner, place, side);
            }
            (Type::Option(inner), _) => {
                self.add(place, true, "it must be given now");
                self.kind(inner, new, place, side);
            }
            (Type::List(old), Type::List(new)) if (**old == Type::U8) == (**new == Type::U8) => {
                self.kind(old, new, &format!("{place}[]"), side);
            }
            (Type::Tuple(old), Type::Tuple(new)) if old.len() == new.len() => {
                for (at, (old, new)) in old.iter().zip(new).enumerate() {
                    self.kind(old, new, &step(place, &at.to_string()), side);
                }
            }
            (Type::Record(old), Type::Record(new)) => match side {
                Side::Argument => self.arguments(old, new, &|name| step(place, name)),
                Side::Result => self.read(old, new, place),
            },
            (Type::Enum(old), Type::Enum(new)) | (Type::Flags(old), Type::Flags(new)) => {
                self.names(old, new, place, side);
            }
            (Type::Variant(old), Type::Variant(new)) => self.cases(old, new, place, side),
            (Type::Result { ok, err }, Type::Result { ok: new_ok, err: new_err }) => {
                self.payload(ok.as_deref(), new_ok.as_deref(), &step(place, "ok"), side);
                self.payload(err.as_deref(), new_err.as_deref(), &step(place, "err"), side);
            }
            _ if fits(values, room) => {}
            (old, new) => self.add(place, true, format!("it was {}, and is {} now", wit(old), wit(new))),
        }
    }

    fn names(&mut self, old: &[String], new: &[String], place: &str, side: Side) {
        match side {
            Side::Argument => {
                let gone = old.iter().filter(|name| !new.contains(name));
                gone.for_each(|name| self.add(place, true, format!("`{name}` is gone")));
            }
            // A caller that looks through all cases meets one that it does not know.
            Side::Result => {
                let added = new.iter().filter(|name| !old.contains(name));
                added.for_each(|name| self.add(place, false, format!("`{name}` is new, and callers may not know it")));
            }
        }
    }

    fn cases(&mut self, old: &[Case], new: &[Case], place: &str, side: Side) {
        let names = |cases: &[Case]| cases.iter().map(|case| case.name.clone()).collect::<Vec<_>>();
        self.names(&names(old), &names(new), place, side);
        for case in old {
            if let Some(of) = new.iter().find(|of| of.name == case.name) {
                self.payload(case.kind.as_ref(), of.kind.as_ref(), &step(place, &case.name), side);
            }
        }
    }
}

/// Whether every JSON value of a plain type is one of another, too.
fn fits(values: &Type, room: &Type) -> bool {
    if let (Some((low, high)), Some((lowest, highest))) = (range(values), range(room)) {
        return lowest <= low && high <= highest;
    }
    match (values, room) {
        (Type::Char | Type::Enum(_), Type::String) | (Type::F32, Type::F64) => true,
        // Numbers that a float holds exactly: IEEE 754 has 24 and 53 binary digits.
        (kind, Type::F32) => range(kind).is_some_and(|(low, high)| low >= -(1 << 24) && high <= 1 << 24),
        (kind, Type::F64) => range(kind).is_some_and(|(low, high)| low >= -(1 << 53) && high <= 1 << 53),
        _ => false,
    }
}

fn range(kind: &Type) -> Option<(i128, i128)> {
    Some(match kind {
        Type::S8 => (i8::MIN.into(), i8::MAX.into()),
        Type::S16 => (i16::MIN.into(), i16::MAX.into()),
        Type::S32 => (i32::MIN.into(), i32::MAX.into()),
        Type::S64 => (i64::MIN.into(), i64::MAX.into()),
        Type::U8 => (0, u8::MAX.into()),
        Type::U16 => (0, u16::MAX.into()),
        Type::U32 => (0, u32::MAX.into()),
        Type::U64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// A part below a place.
fn step(place: &str, name: &str) -> String {
    format!("{place}.{name}")
}

#[cfg(test)]
mod tests;
