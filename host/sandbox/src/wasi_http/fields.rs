//! `fields`: a list of names and values. What a program writes is within the limits of a request at every moment, so that
//! nothing grows before it is looked at (RUSTSEC-2026-0021).

use std::sync::Arc;

use hotcell_protocol::Header;
use hotcell_protocol::limits;
use wasmtime::Result;
use wasmtime::component::Resource;

use crate::bindings::wasi_http::types;
use crate::bindings::wasi_http::types::HeaderError;
use crate::state::State;

/// Fields that concern one connection: the host's alone (RFC 9110 §7.6.1). `host` is not here: programs set it to what it is.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A name in lower case, and a value.
pub(crate) type Entry = (String, Vec<u8>);

/// Fields. Copies share what they hold until one is changed.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    entries: Arc<Vec<Entry>>,
    /// They belong to a request or an answer.
    fixed: bool,
}

/// Why a change was refused, in words for the person.
const TOO_MANY: &str = "a program may write 64 header fields in 8 KiB, and not more";
const NOT_ITS_OWN: &str = "a header field that concerns the connection is not the program's to set";

impl Fields {
    /// The fields of an answer.
    pub(crate) fn of_answer(headers: Vec<Header>) -> Self {
        let entries = headers.into_iter().map(|header| (header.name, header.value.into_bytes())).collect();
        Self { entries: Arc::new(entries), fixed: true }
    }

    /// The same, to be changed no more.
    pub(crate) fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Puts values in the place of those of a name, or behind them.
    fn change(&mut self, name: &str, values: Vec<Vec<u8>>, keep: bool) -> Result<(), (HeaderError, &'static str)> {
        let (name, values) =
            (checked_name(name)?, values.into_iter().map(checked_value).collect::<Result<Vec<_>, _>>()?);
        if self.fixed {
            return Err((HeaderError::Immutable, "header fields of a request or an answer were to be changed"));
        }
        let stay = |entry: &&Entry| keep || entry.0 != name;
        let added = values.iter().map(|value| (name.len(), value.len()));
        let kept = self.entries.iter().filter(stay).map(|(name, value)| (name.len(), value.len()));
        if !fits(kept.chain(added)) {
            return Err((HeaderError::Forbidden, TOO_MANY));
        }
        let entries = Arc::make_mut(&mut self.entries);
        entries.retain(|entry| stay(&entry));
        entries.extend(values.into_iter().map(|value| (name.clone(), value)));
        Ok(())
    }
}

/// Whether fields of these lengths are within the limits of a request.
pub(crate) fn fits(lengths: impl Iterator<Item = (usize, usize)>) -> bool {
    let (mut count, mut bytes) = (0, 0_usize);
    for (name, value) in lengths {
        count += 1;
        bytes = bytes.saturating_add(name).saturating_add(value).saturating_add(4);
    }
    count <= limits::REQUEST_HEADERS && bytes <= limits::REQUEST_HEADER_BYTES
}

/// A token (RFC 9110 §5.6.2), in lower case.
fn checked_name(name: &str) -> Result<String, (HeaderError, &'static str)> {
    if name.is_empty() || name.len() > limits::REQUEST_HEADER_BYTES || !name.bytes().all(is_token) {
        return Err((HeaderError::InvalidSyntax, "the name of a header field is no token"));
    }
    let name = name.to_ascii_lowercase();
    if HOP_BY_HOP.contains(&name.as_str()) {
        return Err((HeaderError::Forbidden, NOT_ITS_OWN));
    }
    Ok(name)
}

pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// No line end, no NUL, no other control character but the tab (RFC 9110 §5.5). The gate looks closer.
fn checked_value(value: Vec<u8>) -> Result<Vec<u8>, (HeaderError, &'static str)> {
    let good = |byte: &u8| (*byte >= 0x20 && *byte != 0x7f) || *byte == b'\t';
    if value.iter().all(good) {
        Ok(value)
    } else {
        Err((HeaderError::InvalidSyntax, "a header field has a control character"))
    }
}

impl State {
    fn changed(
        &mut self,
        fields: &Resource<Fields>,
        name: &str,
        values: Vec<Vec<u8>>,
        keep: bool,
    ) -> Result<Result<(), HeaderError>> {
        let changed = self.table.get_mut(fields)?.change(name, values, keep);
        Ok(changed.map_err(|(error, why)| {
            self.explain(why);
            error
        }))
    }
}

impl types::HostFields for State {
    fn new(&mut self) -> Result<Resource<Fields>> {
        Ok(self.table.push(Fields::default())?)
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> Result<Result<Resource<Fields>, HeaderError>> {
        let mut fields = Fields::default();
        for (name, value) in entries {
            if let Err((error, why)) = fields.change(&name, vec![value], true) {
                self.explain(why);
                return Ok(Err(error));
            }
        }
        Ok(Ok(self.table.push(fields)?))
    }

    fn get(&mut self, fields: Resource<Fields>, name: String) -> Result<Vec<Vec<u8>>> {
        let named = |entry: &&Entry| entry.0.eq_ignore_ascii_case(&name);
        Ok(self.table.get(&fields)?.entries().iter().filter(named).map(|(_, value)| value.clone()).collect())
    }

    fn has(&mut self, fields: Resource<Fields>, name: String) -> Result<bool> {
        Ok(self.table.get(&fields)?.entries().iter().any(|entry| entry.0.eq_ignore_ascii_case(&name)))
    }

    fn set(&mut self, fields: Resource<Fields>, name: String, values: Vec<Vec<u8>>) -> Result<Result<(), HeaderError>> {
        self.changed(&fields, &name, values, false)
    }

    fn delete(&mut self, fields: Resource<Fields>, name: String) -> Result<Result<(), HeaderError>> {
        self.changed(&fields, &name, Vec::new(), false)
    }

    fn append(&mut self, fields: Resource<Fields>, name: String, value: Vec<u8>) -> Result<Result<(), HeaderError>> {
        self.changed(&fields, &name, vec![value], true)
    }

    fn entries(&mut self, fields: Resource<Fields>) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(self.table.get(&fields)?.entries().to_vec())
    }

    fn clone(&mut self, fields: Resource<Fields>) -> Result<Resource<Fields>> {
        let entries = Arc::clone(&self.table.get(&fields)?.entries);
        Ok(self.table.push(Fields { entries, fixed: false })?)
    }

    fn drop(&mut self, fields: Resource<Fields>) -> Result<()> {
        self.table.delete(fields)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(fields: &mut Fields, name: &str, value: &[u8]) -> HeaderError {
        fields.change(name, vec![value.to_vec()], true).unwrap_err().0
    }

    #[test]
    fn b5_fields_of_the_connection_are_forbidden_in_any_case() {
        for name in HOP_BY_HOP {
            for name in [name.to_owned(), name.to_uppercase()] {
                assert!(matches!(refused(&mut Fields::default(), &name, b"x"), HeaderError::Forbidden), "{name}");
            }
        }
    }

    #[test]
    fn b4_no_line_end_nul_or_odd_name_gets_into_fields() {
        for value in [&b"a\r\nhost: evil"[..], b"a\nb", b"a\rb", b"a\0b", b"\x7f", b"\x1b"] {
            assert!(
                matches!(refused(&mut Fields::default(), "accept", value), HeaderError::InvalidSyntax),
                "{value:?}"
            );
        }
        for name in ["", " ", "a b", "a:", "a\r\nb", "a\0", "é", "a/b", ":authority"] {
            assert!(matches!(refused(&mut Fields::default(), name, b"x"), HeaderError::InvalidSyntax), "{name:?}");
        }
    }

    #[test]
    fn b19_fields_end_at_the_limits_of_a_request_before_they_grow() {
        let mut fields = Fields::default();
        for _ in 0..limits::REQUEST_HEADERS {
            fields.change("x-a", vec![b"v".to_vec()], true).unwrap();
        }
        assert!(matches!(refused(&mut fields, "x-a", b"v"), HeaderError::Forbidden));
        fields.change("X-A", vec![b"v".to_vec()], false).unwrap();
        assert_eq!(fields.entries(), [("x-a".to_owned(), b"v".to_vec())]);
        let room = limits::REQUEST_HEADER_BYTES - 2 * (3 + 4) - 1;
        assert!(matches!(refused(&mut fields, "x-b", &vec![b'v'; room + 1]), HeaderError::Forbidden));
        fields.change("x-b", vec![vec![b'v'; room]], true).unwrap();
    }

    #[test]
    fn fields_of_a_request_or_an_answer_do_not_change_and_their_copies_do() {
        let answer = Fields::of_answer(vec![Header::new("etag", "1")]);
        let mut copy = Fields { fixed: false, ..answer.clone() };
        assert!(matches!(refused(&mut answer.clone(), "a", b"b"), HeaderError::Immutable));
        copy.change("etag", Vec::new(), false).unwrap();
        assert!(copy.entries().is_empty() && answer.entries().len() == 1);
        // A long answer's fields are shared by its copies, and not copied to be changed.
        let long = (0..limits::RESPONSE_HEADERS).map(|_| Header::new("link", "x".repeat(400))).collect();
        let mut copy = Fields { fixed: false, ..Fields::of_answer(long) };
        assert!(matches!(copy.change("etag", Vec::new(), false).unwrap_err().0, HeaderError::Forbidden));
    }
}
