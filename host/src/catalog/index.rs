//! The index of a long `grants.lock`, so that who needs one grant of a thousand does not read them all.
//!
//! It lies beside that file, as trusted as it, and says which text it is of: another text, by its BLAKE3 digest, and the index is
//! as if it were not there. It can be deleted at any time.

use std::collections::BTreeMap;

use cap_std::fs::Dir;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;

use super::Granted;
use super::grants;
use crate::folders;

/// The file's name in the state folder. The first line is the digest; each other line is one grant, as JSON.
const FILE: &str = "grants.index";
/// Letters of its digest.
const DIGEST: usize = 2 * blake3::OUT_LEN;
/// A shorter text is read as it is.
const LONG_BYTES: usize = 16 * 1024;

/// The index of one state of the grants.
pub(super) struct Index(String);

impl Index {
    /// The index of this text, if it has one.
    pub(super) fn of(state: &Dir, text: &str) -> Option<Self> {
        if text.len() < LONG_BYTES {
            return None;
        }
        let bytes = folders::read_file(state, FILE, limits::GRANTS_BYTES).ok()??;
        let index = String::from_utf8(bytes).ok()?;
        (index.lines().next() == Some(digest(text).as_str())).then_some(Self(index))
    }

    /// Whether a text has one, and so was read before and is good.
    pub(super) fn is_of(state: &Dir, text: &str) -> bool {
        text.len() >= LONG_BYTES
            && folders::read_start(state, FILE).is_some_and(|start: [u8; DIGEST]| start == *digest(text).as_bytes())
    }

    /// Writes the index of a long text. One that cannot be written is no loss.
    pub(super) fn write(state: &Dir, text: &str, grants: &BTreeMap<String, Granted>) {
        if text.len() < LONG_BYTES {
            return;
        }
        let lines = grants.values().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let written = lines.ok().map(|lines| {
            folders::replace_file(state, FILE, format!("{}\n{}\n", digest(text), lines.join("\n")).as_bytes())
        });
        if !matches!(written, Some(Ok(()))) {
            tracing::debug!("the index of the grants cannot be written");
        }
    }

    /// The grant of one tool. `None` too for an index that is damaged.
    pub(super) fn find(&self, tool: &str) -> Option<Granted> {
        // Invariant: a grant's JSON begins with its name, and a name has no character that JSON escapes.
        let start = format!("{{\"name\":\"{tool}\",");
        let line = self.0.lines().skip(1).find(|line| line.starts_with(&start))?;
        serde_json::from_str::<Granted>(line).ok().filter(|granted| granted.name == tool)
    }

    /// All grants. `None` for an index that is damaged.
    pub(super) fn all(&self) -> Option<BTreeMap<String, Granted>> {
        let grants = self.0.lines().skip(1).map(serde_json::from_str::<Granted>);
        grants.map(|granted| granted.ok().map(|granted| (granted.name.clone(), granted))).collect()
    }
}

/// All grants of a text: from its index, or else read from it, with an index for the next time.
///
/// # Errors
/// As [`grants::read`].
pub(super) fn grants_of(state: &Dir, text: &str, index: Option<Index>) -> Result<BTreeMap<String, Granted>, Refusal> {
    if let Some(grants) = index.and_then(|index| index.all()) {
        return Ok(grants);
    }
    let grants = grants::read(text)?;
    Index::write(state, text, &grants);
    Ok(grants)
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;
    use crate::folders::in_tests::state;
    use hotcell_protocol::Digest;

    fn grants(tools: usize) -> BTreeMap<String, Granted> {
        let granted = |number| {
            let text = format!("name = \"t{number}\"\nversion = \"1\"\n[actions.go]\nservices = {{ s = [\"r\"] }}\n");
            let manifest = Manifest::parse(&text, "t").unwrap();
            let granted = Granted::all_of(&manifest, Digest::of(text.as_bytes()), jiff::Timestamp::UNIX_EPOCH);
            (granted.name.clone(), granted)
        };
        (0..tools).map(granted).collect()
    }

    #[test]
    fn every_grant_is_found_as_the_text_has_it() {
        let ((_folder, state), all) = (state(), grants(300));
        let text = grants::write(&all).unwrap();
        Index::write(&state, &text, &all);
        let index = Index::of(&state, &text).unwrap();
        assert!(Index::is_of(&state, &text));
        assert_eq!(index.all().unwrap(), grants::read(&text).unwrap());
        for name in ["t0", "t1", "t299"] {
            assert_eq!(index.find(name).as_ref(), all.get(name));
        }
        assert_eq!(index.find("t3000"), None);
        assert_eq!(index.find("t\",\"version\":\"1"), None);
    }

    #[test]
    fn i1_an_index_of_another_text_is_as_if_it_were_not_there() {
        let ((_folder, state), all) = (state(), grants(300));
        let text = grants::write(&all).unwrap();
        assert!(Index::of(&state, &text).is_none());
        Index::write(&state, &text, &all);
        let fewer = text.replace("\"r\"", "\"w\"");
        assert_eq!(fewer.len(), text.len());
        assert!(!Index::is_of(&state, &fewer));
        assert!(Index::of(&state, &fewer).is_none(), "a right that was taken back is not found in what stood before");
        state.write(FILE, "broken").unwrap();
        assert!(Index::of(&state, &text).is_none() && !Index::is_of(&state, &text));
    }

    #[test]
    fn a_short_text_needs_none() {
        let ((_folder, state), all) = (state(), grants(3));
        let text = grants::write(&all).unwrap();
        Index::write(&state, &text, &all);
        assert!(!state.exists(FILE) && Index::of(&state, &text).is_none());
    }
}
