//! Arguments and results as bytes of JSON, for a sandbox in another process. What comes back from there is held against the
//! action's type: a process that a guest has taken over says what it likes.

use hotcell_protocol::Action;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::limits;
use serde_json::Value;

use super::read;
use super::too_many_bytes;

/// How many times a result's own bytes it may have as JSON: the budget counts a little more than what is written.
const ROOM: usize = 2;

/// How many times a result's own values and levels: an object's and a list's ends are counted, too.
const WEIGHT: usize = 4;

/// Arguments on their way out.
///
/// # Errors
/// [`Code::BadArguments`] for more than [`limits::ARGUMENT_BYTES`].
pub fn hand_over(arguments: &Value) -> Result<Vec<u8>, Refusal> {
    let json = serde_json::to_vec(arguments).map_err(|_| too_many_bytes())?;
    if json.len() > limits::ARGUMENT_BYTES { Err(too_many_bytes()) } else { Ok(json) }
}

/// A result on its way back: what the action returned, or its own error (`failed`). At most `most` bytes as the budget of
/// [`super::to_json`] counts them.
///
/// # Errors
/// [`Code::WorkerLost`] for what no sandbox makes of this action's result.
pub fn take_back(json: &[u8], action: &Action, failed: bool, most: usize) -> Result<Value, Refusal> {
    let kind = match (&action.result, failed) {
        (Some(Type::Result { ok, .. }), false) => ok.as_deref(),
        (Some(Type::Result { err, .. }), true) => err.as_deref(),
        (kind, false) => kind.as_ref(),
        (_, true) => return Err(not_its_result()),
    };
    if json.len() > most.saturating_mul(ROOM) {
        return Err(not_its_result());
    }
    // Before it is read: it may be made to cost many times its bytes.
    let (values, depth) = weigh(json);
    if values > WEIGHT * limits::JSON_NODES || depth > WEIGHT * limits::JSON_DEPTH {
        return Err(not_its_result());
    }
    let value: Value = serde_json::from_slice(json).map_err(|_| not_its_result())?;
    match kind {
        Some(kind) if read::fits(&value, kind) => Ok(value),
        None if value.is_null() => Ok(value),
        _ => Err(not_its_result()),
    }
}

/// How many values a JSON text has, and how many levels; an empty list counts as two. For what is no JSON, the reader says no.
#[must_use]
pub fn weigh(json: &[u8]) -> (usize, usize) {
    let (mut values, mut depth, mut deepest) = (1_usize, 0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.iter().copied() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                values += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
    }
    (values, deepest)
}

/// The refusal for what no sandbox says.
#[must_use]
pub fn not_its_result() -> Refusal {
    Refusal::new(
        Code::WorkerLost,
        "the process that ran the tool handed over what this action cannot return",
        "the tool may have broken out of its sandbox: remove it and report it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(result: Option<Type>) -> Action {
        Action { name: "a".into(), interface: None, function: "a".into(), parameters: Vec::new(), result }
    }

    #[test]
    fn h1_what_a_worker_hands_over_is_held_against_the_type() {
        let result = Type::Result { ok: Some(Box::new(Type::U8)), err: Some(Box::new(Type::String)) };
        let action_ = action(Some(result));
        assert_eq!(take_back(b"7", &action_, false, 100).unwrap(), Value::from(7));
        assert_eq!(take_back(b"\"no\"", &action_, true, 100).unwrap(), Value::from("no"));
        for (json, failed) in
            [(&b"256"[..], false), (b"\"7\"", false), (b"7", true), (b"{\"x\":1}", false), (b"", true)]
        {
            assert_eq!(take_back(json, &action_, failed, 100).unwrap_err().code, Code::WorkerLost);
        }
        assert_eq!(weigh(b"[1,[2,{\"a\":3,\"b\":[4]}]]"), (8, 4));
        let heavy = format!("[{}0]", "0,".repeat(WEIGHT * limits::JSON_NODES));
        assert!(
            take_back(heavy.as_bytes(), &action(Some(Type::List(Box::new(Type::U8)))), false, heavy.len()).is_err()
        );
        assert!(take_back(&[b'['; 300], &action(Some(Type::List(Box::new(Type::U8)))), false, 100).is_err());
        assert!(
            take_back(format!("\"{}\"", "x".repeat(201)).as_bytes(), &action(Some(Type::String)), false, 100).is_err()
        );
        assert!(take_back(b"null", &action(None), false, 100).unwrap().is_null());
        assert!(take_back(b"1", &action(None), false, 100).is_err());
        assert!(take_back(b"null", &action(None), true, 100).is_err());
    }
}
