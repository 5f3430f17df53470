//! What stands in the store's file. Readable without the key: how the key is had, how often the file was written, and how
//! many records there are.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::envelope::Sealed;
use crate::envelope::StoreKey;
use crate::envelope::tag;
use crate::error::StoreError;
use crate::key::Backend;

/// Says what kind of file it is.
const MAGIC: &str = "hotcell-store";
/// The format that this version writes. What this version does not know, it keeps; a later version whose files it must not
/// touch writes a higher `min_reader`.
const FORMAT: u32 = 1;
const BROKEN: StoreError = StoreError::Damaged("the file is not whole");

/// The file's content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Content {
    magic: String,
    format: u32,
    min_reader: u32,
    pub(crate) backend: Backend,
    /// A tag of the key: tells a wrong key from a damaged file.
    check: String,
    /// Counts how often the file was written.
    generation: u64,
    pub(crate) records: Vec<Stored>,
    /// Which account of a service is meant where none is named. Apart from the records: choosing one changes no epoch, so
    /// that it cannot cost a refresh in flight its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) defaults: Option<Sealed>,
    /// A tag over all of it. No record can be taken out or put back from an older file by itself (threat M7); the whole
    /// older file can, which only the servers notice, when they refuse its tokens.
    seal: String,
    /// What later versions wrote.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// One record as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// A tag of service and account: their names are not readable in the file (threat K6).
    pub(crate) id: String,
    pub(crate) epoch: u64,
    pub(crate) name: Sealed,
    pub(crate) meta: Sealed,
    pub(crate) secrets: Option<Sealed>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

impl Content {
    /// A store without records.
    pub(crate) fn empty(key: &StoreKey, backend: Backend) -> Result<Self, StoreError> {
        let mut content = Self {
            magic: MAGIC.into(),
            format: FORMAT,
            min_reader: FORMAT,
            backend,
            check: check_of(key)?,
            generation: 1,
            records: Vec::new(),
            defaults: None,
            seal: String::new(),
            rest: Map::new(),
        };
        content.seal = content.seal_of(key)?;
        Ok(content)
    }

    /// Reads the text of a file. Whether it is genuine only the key can tell: [`Content::check`].
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Head {
            magic: String,
            format: u32,
            min_reader: u32,
        }
        let Head { magic, format, min_reader } = serde_json::from_str(text).map_err(|_| BROKEN)?;
        if magic != MAGIC {
            return Err(StoreError::Damaged("the file is no credential store"));
        }
        if min_reader > FORMAT {
            return Err(StoreError::Newer(format));
        }
        serde_json::from_str(text).map_err(|_| BROKEN)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec_pretty(self).map_err(|_| StoreError::Damaged("the store cannot be encoded"))
    }

    /// Whether the file was written with this key, and by nobody else since. `what` names the key where it is the wrong one.
    pub(crate) fn check(&self, key: &StoreKey, what: &'static str) -> Result<(), StoreError> {
        // Tags are compared in plain time: whoever can change the file and watch the clock runs as this user already.
        if check_of(key)? != self.check {
            return Err(StoreError::WrongKey(what));
        }
        if self.seal_of(key)? != self.seal {
            return Err(StoreError::Damaged("the file was changed by something else than Hotcell"));
        }
        Ok(())
    }

    /// Puts a record in, in place of the earlier one of the same id.
    pub(crate) fn put(&mut self, key: &StoreKey, stored: Stored) -> Result<(), StoreError> {
        match self.records.iter_mut().find(|record| record.id == stored.id) {
            Some(slot) => *slot = stored,
            None => self.records.push(stored),
        }
        self.written(key)
    }

    /// Puts the chosen accounts in.
    pub(crate) fn put_defaults(&mut self, key: &StoreKey, defaults: Sealed) -> Result<(), StoreError> {
        self.defaults = Some(defaults);
        self.written(key)
    }

    fn written(&mut self, key: &StoreKey) -> Result<(), StoreError> {
        self.generation = self.generation.saturating_add(1);
        self.seal = self.seal_of(key)?;
        Ok(())
    }

    fn seal_of(&self, key: &StoreKey) -> Result<String, StoreError> {
        let head = [u64::from(self.format), u64::from(self.min_reader), self.generation].map(u64::to_be_bytes);
        let epochs: Vec<_> = self.records.iter().map(|stored| stored.epoch.to_be_bytes()).collect();
        let mut parts: Vec<&[u8]> = head.iter().map(<[u8; 8]>::as_slice).collect();
        for (stored, epoch) in self.records.iter().zip(&epochs) {
            parts.extend([stored.id.as_bytes(), epoch.as_slice()]);
            parts.extend(stored.name.parts());
            parts.extend(stored.meta.parts());
            parts.extend(stored.secrets.as_ref().map_or([&b"none"[..], b"", b""], Sealed::parts));
        }
        if let Some(defaults) = &self.defaults {
            parts.push(b"defaults");
            parts.extend(defaults.parts());
        }
        tag(key, "seal", &parts)
    }
}

fn check_of(key: &StoreKey) -> Result<String, StoreError> {
    tag(key, "check", &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Kind;
    use crate::envelope::Place;
    use crate::envelope::seal;
    use zeroize::Zeroizing;

    fn key() -> StoreKey {
        StoreKey::new(Zeroizing::new([5; 32]))
    }

    fn stored(id: &str) -> Stored {
        let sealed = |kind| seal(&key(), Place { kind, service: id, account: "default", epoch: 1 }, b"text").unwrap();
        Stored {
            id: id.into(),
            epoch: 1,
            name: sealed(Kind::Name),
            meta: sealed(Kind::Meta),
            secrets: Some(sealed(Kind::Secrets)),
            rest: Map::new(),
        }
    }

    fn two() -> Content {
        let mut content = Content::empty(&key(), Backend::Memory).unwrap();
        content.put(&key(), stored("one")).unwrap();
        content.put(&key(), stored("two")).unwrap();
        let place = Place { kind: Kind::Defaults, service: "", account: "", epoch: 0 };
        content.put_defaults(&key(), seal(&key(), place, b"{}").unwrap()).unwrap();
        content
    }

    fn text(content: &Content) -> String {
        String::from_utf8(content.encode().unwrap()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_is_genuine() {
        let content = Content::parse(&text(&two())).unwrap();
        content.check(&key(), "key").unwrap();
        assert_eq!((content.generation, content.records.len()), (4, 2));
        let other = StoreKey::new(Zeroizing::new([6; 32]));
        assert_eq!(content.check(&other, "key"), Err(StoreError::WrongKey("key")));
    }

    #[test]
    fn m7_no_record_can_be_taken_out_put_back_or_moved() {
        let changes: [fn(&mut Content); 9] = [
            |content| drop(content.records.pop()),
            |content| content.records.swap(0, 1),
            |content| content.records.push(content.records[0].clone()),
            |content| content.records[0] = stored("one"),
            |content| content.records[0].secrets = None,
            |content| content.records[0].epoch = 2,
            |content| content.generation = 2,
            |content| content.defaults = None,
            |content| content.defaults = content.records[0].secrets.clone(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut content = two();
            change(&mut content);
            assert!(matches!(content.check(&key(), "key"), Err(StoreError::Damaged(_))), "change {number}");
        }
    }

    #[test]
    fn what_a_later_version_added_is_kept() {
        let mut value: Value = serde_json::from_str(&text(&two())).unwrap();
        value["format"] = 2.into();
        value["colour"] = "blue".into();
        value["records"][0]["lease"] = serde_json::json!({"until": 7});
        let mut content = Content::parse(&value.to_string()).unwrap();
        content.put(&key(), stored("two")).unwrap();
        let kept: Value = serde_json::from_str(&text(&content)).unwrap();
        assert_eq!((&kept["format"], &kept["colour"]), (&2.into(), &"blue".into()));
        assert_eq!(kept["records"][0]["lease"]["until"], 7);
        assert_eq!(content.check(&key(), "key"), Ok(()));
    }

    #[test]
    fn a_file_that_this_version_must_not_read_says_which_format_it_has() {
        let newer = r#"{"magic":"hotcell-store","format":7,"min_reader":6,"records":"of another shape"}"#;
        assert_eq!(Content::parse(newer).err(), Some(StoreError::Newer(7)));
        for other in [r#"{"magic":"x","format":1,"min_reader":1}"#, "{}", "", "[]", "\0"] {
            assert!(matches!(Content::parse(other).err(), Some(StoreError::Damaged(_))), "{other}");
        }
    }
}
