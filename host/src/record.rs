//! The audit record: one JSON line for each call and for each of its requests. Never a query, a header's value, a body
//! or an argument (threat G14).

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;

use cap_std::fs::Dir;
use cap_std::fs::File;
use cap_std::fs::Metadata;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_vault::User;
use serde::Serialize;

use crate::folders;

/// The file's name in the state folder's `audit`.
pub const FILE: &str = "audit.jsonl";
/// The file of the time before, kept once.
pub const EARLIER: &str = "audit.1.jsonl";
const LOCK: &str = "audit.lock";
/// Bytes at which the file is put aside and a new one begun.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The audit record.
pub struct Record {
    folder: Dir,
    open: Mutex<Option<Open>>,
}

/// The file as it was opened for an earlier line.
struct Open {
    file: File,
    inode: Option<u64>,
}

/// One line.
#[derive(Debug, Serialize)]
pub struct Line<'a, T: Serialize> {
    /// When (UTC).
    pub at: jiff::Timestamp,
    /// The call that it belongs to.
    pub call: &'a str,
    /// The user whose call it is, on a host that serves several: issuer and subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a User>,
    /// The tool's name.
    pub tool: &'a str,
    /// What ran, by digest.
    pub digest: Digest,
    /// The action.
    pub action: &'a str,
    /// What happened.
    #[serde(flatten)]
    pub event: T,
}

impl Record {
    /// Opens the record in the state folder.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::StoreUnavailable`] if its folder cannot be made.
    pub fn open(state: &Dir) -> Result<Self, Refusal> {
        Ok(Self { folder: folders::own_subfolder(state, "audit")?, open: Mutex::default() })
    }

    /// Adds one line.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::StoreUnavailable`] if it cannot be written: what is not recorded must not look as if it were.
    pub fn add(&self, line: &Line<'_, impl Serialize>) -> Result<(), Refusal> {
        let mut text = serde_json::to_vec(line).map_err(|_| Refusal::internal("an audit line has no JSON form"))?;
        text.push(b'\n');
        let mut held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = folders::metadata(&self.folder, FILE).ok();
        if now.as_ref().is_some_and(is_full) {
            self.put_aside()?;
            now = None;
        }
        // What was put aside, or deleted, since the last line is not added to.
        let inode = now.as_ref().and_then(folders::inode);
        let fits = |open: &Open| inode.is_some() && open.inode == inode;
        let open = match held.take().filter(fits) {
            Some(known) => held.insert(known),
            None => held.insert(Open::of(&self.folder)?),
        };
        open.file.write_all(&text).map_err(|error| folders::unusable_file(FILE, &error))
    }

    /// Begins a new file.
    fn put_aside(&self) -> Result<(), Refusal> {
        // One process alone puts it aside: two would put the new one aside right after, over the old one.
        let _lock = folders::lock(&self.folder, LOCK)?;
        if folders::metadata(&self.folder, FILE).is_ok_and(|metadata| is_full(&metadata)) {
            drop(self.folder.rename(FILE, &self.folder, EARLIER));
        }
        Ok(())
    }

    /// Reads the record from its beginning, the part that was put aside too.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { folder: &self.folder, begun: false, at: 0 }
    }
}

impl Open {
    fn of(folder: &Dir) -> Result<Self, Refusal> {
        let file = folders::open_to_append(folder, FILE)?;
        let inode = file.metadata().ok().as_ref().and_then(folders::inode);
        Ok(Self { file, inode })
    }
}

fn is_full(metadata: &Metadata) -> bool {
    metadata.len() > FILE_BYTES
}

/// Reads the record, and what is added to it later.
pub struct Reader<'a> {
    folder: &'a Dir,
    begun: bool,
    at: usize,
}

impl Reader<'_> {
    /// The lines that came since the last time.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::StoreUnavailable`] if the record cannot be read.
    pub fn new_lines(&mut self) -> Result<Vec<String>, Refusal> {
        let limit = usize::try_from(FILE_BYTES).unwrap_or(usize::MAX).saturating_mul(2);
        let read = |name: &str| folders::read_file(self.folder, name, limit).map(Option::unwrap_or_default);
        let mut bytes = if self.begun { Vec::new() } else { read(EARLIER)? };
        self.begun = true;
        let current = read(FILE)?;
        if current.len() < self.at {
            // It was put aside since, and a new one begun; what came between is in the other one.
            let earlier = read(EARLIER)?;
            bytes.extend_from_slice(earlier.get(self.at..).unwrap_or_default());
            self.at = 0;
        }
        let new = current.get(self.at..).unwrap_or_default();
        // Up to the last whole line: the rest is still being written.
        let whole = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        bytes.extend_from_slice(new.get(..whole).unwrap_or_default());
        self.at += whole;
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> Line<'static, std::collections::BTreeMap<&'static str, u64>> {
        let event = std::collections::BTreeMap::from([("number", number)]);
        Line {
            at: jiff::Timestamp::UNIX_EPOCH,
            call: "c",
            user: None,
            tool: "t",
            digest: Digest::of(b"t"),
            action: "a",
            event,
        }
    }

    #[test]
    fn a_reader_sees_every_line_once_over_a_change_of_files() {
        let (_folder, state) = folders::in_tests::state();
        let record = Record::open(&state).unwrap();
        let mut reader = record.reader();
        assert_eq!(reader.new_lines().unwrap(), [] as [&str; 0]);
        record.add(&line(1)).unwrap();
        record.add(&line(2)).unwrap();
        assert_eq!(reader.new_lines().unwrap().len(), 2);
        record.add(&line(3)).unwrap();
        record.folder.rename(FILE, &record.folder, EARLIER).unwrap();
        record.add(&line(4)).unwrap();
        let lines = reader.new_lines().unwrap();
        assert!(
            lines.len() == 2 && lines[0].contains("\"number\":3") && lines[1].contains("\"number\":4"),
            "{lines:?}"
        );
        assert_eq!(record.reader().new_lines().unwrap().len(), 4, "a new reader begins at the beginning");
        folders::open_to_append(&record.folder, FILE).unwrap().write_all(b"whole\ntorn").unwrap();
        assert_eq!(reader.new_lines().unwrap(), ["whole"]);
    }

    #[test]
    fn a_full_file_is_put_aside_and_a_deleted_one_made_anew() {
        let (_folder, state) = folders::in_tests::state();
        let (record, other) = (Record::open(&state).unwrap(), Record::open(&state).unwrap());
        let read = |name: &str| record.folder.read_to_string(name).unwrap();
        record.add(&line(1)).unwrap();
        other.add(&line(2)).unwrap();
        let file = folders::open_to_append(&record.folder, FILE).unwrap();
        file.set_len(FILE_BYTES + 1).unwrap();
        // Both have the full file open; each finds the new one.
        record.add(&line(3)).unwrap();
        other.add(&line(4)).unwrap();
        assert!(read(EARLIER).contains("\"number\":2") && !read(EARLIER).contains("\"number\":3"));
        assert!(read(FILE).contains("\"number\":3") && read(FILE).contains("\"number\":4"));
        record.folder.remove_file(FILE).unwrap();
        record.add(&line(5)).unwrap();
        other.add(&line(6)).unwrap();
        assert_eq!(read(FILE).lines().count(), 2);
    }
}
