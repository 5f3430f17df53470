//! The store as it was last read: which records there are, and since when they are known. Secrets are decrypted at first use.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use crate::clock::Clock;
use crate::content::Content;
use crate::content::Stored;
use crate::envelope::DOES_NOT_OPEN;
use crate::envelope::Kind;
use crate::envelope::Place;
use crate::envelope::Sealed;
use crate::envelope::StoreKey;
use crate::envelope::open;
use crate::envelope::seal;
use crate::envelope::tag;
use crate::error::StoreError;
use crate::file::Stamp;
use crate::record::Meta;
use crate::record::State;
use crate::record::Token;
use crate::record::read_secrets;

/// A token this close to its end is not sent any more: it would expire on the way.
const MARGIN_SECONDS: u64 = 5;

/// The store as it was last read.
pub(crate) struct Snapshot {
    pub(crate) stamp: Stamp,
    /// In the order of service and account.
    records: Vec<Record>,
}

/// A record of which everything but the secrets is open.
pub(crate) struct Record {
    pub(crate) meta: Meta,
    pub(crate) epoch: u64,
    secrets: Option<Sealed>,
    known: Known,
    token: OnceLock<Arc<Token>>,
}

/// A moment on both clocks at which the record was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    wall: u64,
    boot: Duration,
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
            let before = before.and_then(|before| before.find(&meta.service, &meta.account));
            records.push(Record::new(meta, stored, before, clock));
        }
        records.sort_by(|a, b| a.name().cmp(&b.name()));
        Ok(Self { stamp, records })
    }

    pub(crate) fn find(&self, service: &str, account: &str) -> Option<&Record> {
        let at = self.records.binary_search_by(|record| record.name().cmp(&(service, account))).ok()?;
        self.records.get(at)
    }

    /// The records that have a token, expired or not.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| record.is_active())
    }
}

impl Record {
    fn new(meta: Meta, stored: &Stored, before: Option<&Self>, clock: &dyn Clock) -> Self {
        let before = before.filter(|before| before.secrets == stored.secrets && before.meta == meta);
        let known = match &meta.received {
            Some(received) if clock.boot_name() == Some(&received.boot) => {
                Known { wall: meta.issued_at, boot: Duration::from_millis(received.millis) }
            }
            // Never later than at first: else a wall clock set back, and any change of the store after that, would give an
            // expired token a second life (threat M10).
            _ => before.map_or_else(|| Known { wall: clock.wall(), boot: clock.boot() }, |before| before.known),
        };
        let token = before.map(|before| before.token.clone()).unwrap_or_default();
        Self { meta, epoch: stored.epoch, secrets: stored.secrets.clone(), known, token }
    }

    fn name(&self) -> (&str, &str) {
        (&self.meta.service, &self.meta.account)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.meta.state == State::Active
    }

    /// Expired if either clock says so.
    pub(crate) fn is_expired(&self, clock: &dyn Clock) -> bool {
        let Some(expires_at) = self.meta.expires_at else { return false };
        let since_known = clock.boot().saturating_sub(self.known.boot).as_secs();
        let now = clock.wall().max(self.known.wall.saturating_add(since_known));
        now.saturating_add(MARGIN_SECONDS) >= expires_at
    }

    /// The token, decrypted once.
    pub(crate) fn token(&self, key: &StoreKey) -> Result<Arc<Token>, StoreError> {
        if let Some(token) = self.token.get() {
            return Ok(Arc::clone(token));
        }
        let sealed = self.secrets.as_ref().ok_or(DOES_NOT_OPEN)?;
        let secrets = open(key, place(Kind::Secrets, &self.meta, self.epoch), sealed)?;
        let token = Arc::new(read_secrets(&secrets).ok_or(DOES_NOT_OPEN)?);
        Ok(Arc::clone(self.token.get_or_init(|| token)))
    }
}

/// Closes a record's boxes.
pub(crate) fn seal_record(
    key: &StoreKey,
    epoch: u64,
    meta: &Meta,
    secrets: Option<&[u8]>,
) -> Result<Stored, StoreError> {
    let id = id(key, &meta.service, &meta.account)?;
    let encoded = serde_json::to_vec(meta).map_err(|_| StoreError::Damaged("a record cannot be encoded"))?;
    Ok(Stored {
        epoch,
        name: seal(key, name_place(&id, epoch), format!("{} {}", meta.service, meta.account).as_bytes())?,
        meta: seal(key, place(Kind::Meta, meta, epoch), &encoded)?,
        secrets: secrets.map(|secrets| seal(key, place(Kind::Secrets, meta, epoch), secrets)).transpose()?,
        id,
        rest: serde_json::Map::new(),
    })
}

fn open_meta(key: &StoreKey, stored: &Stored) -> Result<Meta, StoreError> {
    let name = open(key, name_place(&stored.id, stored.epoch), &stored.name)?;
    let name = std::str::from_utf8(&name).map_err(|_| DOES_NOT_OPEN)?;
    let (service, account) = name.split_once(' ').ok_or(DOES_NOT_OPEN)?;
    if id(key, service, account)? != stored.id {
        return Err(DOES_NOT_OPEN);
    }
    let bytes = open(key, Place { kind: Kind::Meta, service, account, epoch: stored.epoch }, &stored.meta)?;
    let meta: Meta = serde_json::from_slice(&bytes).map_err(|_| DOES_NOT_OPEN)?;
    if (meta.service.as_str(), meta.account.as_str()) == (service, account) { Ok(meta) } else { Err(DOES_NOT_OPEN) }
}

fn place(kind: Kind, meta: &Meta, epoch: u64) -> Place<'_> {
    Place { kind, service: &meta.service, account: &meta.account, epoch }
}

fn name_place(id: &str, epoch: u64) -> Place<'_> {
    Place { kind: Kind::Name, service: id, account: "", epoch }
}

/// The name under which a record stands in the file.
fn id(key: &StoreKey, service: &str, account: &str) -> Result<String, StoreError> {
    tag(key, "record", &[service.as_bytes(), account.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::NewToken;
    use crate::record::write_secrets;
    use crate::secret::Secret;
    use std::collections::BTreeSet;
    use zeroize::Zeroizing;

    struct Still;

    impl Clock for Still {
        fn wall(&self) -> u64 {
            1_000
        }

        fn boot(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn key() -> StoreKey {
        StoreKey::new(Zeroizing::new([3; 32]))
    }

    fn stored(service: &str, access: &str, epoch: u64) -> Stored {
        let token = NewToken {
            access: Secret::new(access.to_owned().into()).unwrap(),
            refresh: None,
            expires_in: None,
            scopes: BTreeSet::new(),
        };
        let meta = Meta::new(service, "default", &token, &Still);
        seal_record(&key(), epoch, &meta, Some(&write_secrets(&token))).unwrap()
    }

    fn record(stored: &Stored) -> Result<Record, StoreError> {
        Ok(Record::new(open_meta(&key(), stored)?, stored, None, &Still))
    }

    #[test]
    fn m7_the_boxes_of_two_records_or_two_epochs_do_not_fit_each_other() {
        let own = stored("github", "ghp_token-1", 2);
        for other in [stored("gitlab", "glpat-token-2", 2), stored("github", "ghp_token-0", 1)] {
            let mixed = Stored { name: other.name.clone(), ..own.clone() };
            assert_eq!(open_meta(&key(), &mixed).err(), Some(DOES_NOT_OPEN));
            let mixed = Stored { meta: other.meta.clone(), ..own.clone() };
            assert_eq!(open_meta(&key(), &mixed).err(), Some(DOES_NOT_OPEN));
            let mixed = Stored { secrets: other.secrets.clone(), ..own.clone() };
            assert_eq!(record(&mixed).unwrap().token(&key()).err(), Some(DOES_NOT_OPEN));
            if other.id != own.id {
                let mixed = Stored { id: other.id.clone(), ..own.clone() };
                assert_eq!(open_meta(&key(), &mixed).err(), Some(DOES_NOT_OPEN));
            }
        }
        assert_eq!(record(&own).unwrap().token(&key()).unwrap().access().expose(), "ghp_token-1");
    }

    #[test]
    fn what_is_unchanged_keeps_its_token_and_what_is_changed_does_not() {
        let own = stored("github", "ghp_token-1", 1);
        let first = record(&own).unwrap();
        let token = first.token(&key()).unwrap();
        let again = Record::new(open_meta(&key(), &own).unwrap(), &own, Some(&first), &Still);
        assert!(Arc::ptr_eq(&token, &again.token(&key()).unwrap()));
        // The same service and epoch, from another life of the store: a restored backup, say.
        let other = stored("github", "ghp_token-2", 1);
        let changed = Record::new(open_meta(&key(), &other).unwrap(), &other, Some(&first), &Still);
        assert_eq!(changed.token(&key()).unwrap().access().expose(), "ghp_token-2");
    }

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
            let record = snapshot.find(service, "default").unwrap();
            assert_eq!(record.token(&key()).unwrap().access().expose(), service);
        }
        assert!(snapshot.find("c", "other").is_none() && snapshot.find("d", "default").is_none());
        assert_eq!(snapshot.active().count(), 4);
    }
}
