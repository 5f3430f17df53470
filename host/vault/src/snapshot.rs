//! The store as it was last read: which records there are, and which accounts were chosen.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::content::Content;
use crate::envelope::DOES_NOT_OPEN;
use crate::envelope::Kind;
use crate::envelope::Place;
use crate::envelope::StoreKey;
use crate::envelope::open;
use crate::envelope::seal;
use crate::error::AuthError;
use crate::error::StoreError;
use crate::file::Stamp;
use crate::id::DEFAULT_ACCOUNT;
use crate::id::Id;
use crate::id::Who;
use crate::meta::Meta;
use crate::record::Record;
use crate::record::Secrets;
use crate::record::open_meta;
use crate::record::seal_record;

/// The account of each service that is meant where none is named; [`DEFAULT_ACCOUNT`] for services not in it.
pub(crate) type Defaults = BTreeMap<String, String>;

/// The store as it was last read.
pub(crate) struct Snapshot {
    pub(crate) stamp: Stamp,
    /// In the order of service and account.
    records: Vec<Record>,
    defaults: Defaults,
}

impl Snapshot {
    /// Reads all records. What is unchanged since `before` keeps its decrypted token and its age. `what` names the key where
    /// it is the wrong one.
    pub(crate) fn read(
        key: &StoreKey,
        what: &'static str,
        content: &Content,
        stamp: Stamp,
        before: Option<&Self>,
        clock: &dyn Clock,
    ) -> Result<Self, StoreError> {
        content.check(key, what)?;
        let mut records = Vec::with_capacity(content.records.len());
        for stored in &content.records {
            let meta = open_meta(key, stored)?;
            let before = before.and_then(|before| before.named(&meta.service, &meta.account));
            records.push(Record::new(meta, stored, before, clock));
        }
        records.sort_by(|a, b| a.name().cmp(&b.name()));
        let defaults = match &content.defaults {
            Some(sealed) => serde_json::from_slice(&open(key, DEFAULTS_PLACE, sealed)?).map_err(|_| DOES_NOT_OPEN)?,
            None => Defaults::new(),
        };
        Ok(Self { stamp, records, defaults })
    }

    pub(crate) fn find<'i>(&self, id: impl Into<Id<'i>>) -> Option<&Record> {
        let id = id.into();
        self.named(id.service, id.account.unwrap_or_else(|| self.default_of(id.service)))
    }

    fn named(&self, service: &str, account: &str) -> Option<&Record> {
        let at = self.records.binary_search_by(|record| record.name().cmp(&(service, account))).ok()?;
        self.records.get(at)
    }

    /// The account that is meant where none is named.
    pub(crate) fn default_of(&self, service: &str) -> &str {
        self.defaults.get(service).map_or(DEFAULT_ACCOUNT, String::as_str)
    }

    /// The record's name, the default account resolved.
    pub(crate) fn who(&self, id: Id<'_>) -> Who {
        let account = id.account.unwrap_or_else(|| self.default_of(id.service));
        Who { service: id.service.to_owned(), account: account.to_owned() }
    }

    /// The records that have a token, good or not.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| record.holds_token())
    }
}

const DEFAULTS_PLACE: Place<'_> = Place { kind: Kind::Defaults, service: "", account: "", epoch: 0 };

/// The store while it is being changed: what is stored now, and what it becomes.
pub(crate) struct Draft<'a> {
    pub(crate) key: &'a StoreKey,
    pub(crate) stored: Snapshot,
    pub(crate) content: Content,
    pub(crate) changed: bool,
}

impl Draft<'_> {
    /// Writes one record; its new epoch.
    pub(crate) fn put(&mut self, mut meta: Meta, secrets: Secrets) -> Result<u64, AuthError> {
        let record = self.stored.named(&meta.service, &meta.account);
        let epoch = record.map_or(0, |record| record.epoch).saturating_add(1);
        let sealed = seal_record(self.key, epoch, &mut meta, secrets, record)?;
        self.content.put(self.key, sealed)?;
        self.changed = true;
        Ok(epoch)
    }

    /// Makes an account the one that is meant where none is named.
    pub(crate) fn choose(&mut self, who: &Who) -> Result<(), AuthError> {
        let mut defaults = self.stored.defaults.clone();
        defaults.insert(who.service.clone(), who.account.clone());
        let encoded = serde_json::to_vec(&defaults).map_err(|_| StoreError::Damaged("a name cannot be encoded"))?;
        let sealed = seal(self.key, DEFAULTS_PLACE, &encoded)?;
        self.content.put_defaults(self.key, sealed)?;
        self.changed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::Still;
    use crate::record::tests::key;
    use crate::record::tests::stored;

    #[test]
    fn records_are_found_by_their_names_in_any_order() {
        let mut content = Content::empty(&key(), crate::key::Backend::Memory).unwrap();
        for service in ["b", "c.d", "a", "c"] {
            content.put(&key(), stored(service, service, 1)).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let dir = cap_std::fs::Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        let stamp = crate::file::write(&dir, &content, crate::file::Earlier::Keep).unwrap();
        let snapshot = Snapshot::read(&key(), "key", &content, stamp, None, &Still).unwrap();
        for service in ["a", "b", "c", "c.d"] {
            let record = snapshot.find(service).unwrap();
            assert_eq!(record.token(&key()).unwrap().access().expose(), service);
        }
        assert!(snapshot.find(("c", "other")).is_none() && snapshot.find("d").is_none());
        assert_eq!(snapshot.held().count(), 4);
    }
}
