//! The audit record: one JSON line for each call and for each of its requests. Never a query, a header's value, a body
//! or an argument (threat G14).

use cap_std::fs::Dir;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use serde::Serialize;

use crate::folders;

/// The file's name in the state folder's `audit`.
pub const FILE: &str = "audit.jsonl";
/// The file of the time before, kept once.
pub const EARLIER: &str = "audit.1.jsonl";
/// Bytes at which the file is put aside and a new one begun.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The audit record.
pub struct Record {
    folder: Dir,
}

/// One line.
#[derive(Debug, Serialize)]
pub struct Line<'a, T: Serialize> {
    /// When (UTC).
    pub at: jiff::Timestamp,
    /// The call that it belongs to.
    pub call: &'a str,
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
        Ok(Self { folder: folders::own_subfolder(state, "audit")? })
    }

    /// Adds one line.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::StoreUnavailable`] if it cannot be written: what is not recorded must not look as if it were.
    pub fn add(&self, line: &Line<'_, impl Serialize>) -> Result<(), Refusal> {
        let text = serde_json::to_string(line).map_err(|_| Refusal::internal("an audit line has no JSON form"))?;
        if self.folder.metadata(FILE).is_ok_and(|metadata| metadata.len() > FILE_BYTES) {
            drop(self.folder.rename(FILE, &self.folder, EARLIER));
        }
        folders::append_line(&self.folder, FILE, &text)
    }
}
