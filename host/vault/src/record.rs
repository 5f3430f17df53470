//! A record: one token of one account of one service. Its names and metadata are open; its secrets are opened at first use.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::clock::millis;
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
use crate::id::Who;
use crate::lifetime::Stage;
use crate::lifetime::stage;
use crate::meta::Meta;
use crate::meta::State;
use crate::token::Token;

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

impl Record {
    /// Opens a record. What is unchanged since `before` keeps its decrypted token and its age.
    pub(crate) fn new(meta: Meta, stored: &Stored, before: Option<&Self>, clock: &dyn Clock) -> Self {
        let before = before.filter(|before| before.secrets == stored.secrets && before.meta.issued == meta.issued);
        let known = match &meta.received {
            Some(received) if clock.boot_name() == Some(&received.boot) => {
                Known { wall: meta.issued, boot: Duration::from_millis(received.millis) }
            }
            // Never later than at first: else a wall clock set back, and any change of the store after that, would give an
            // expired token a second life (threat M10).
            // A wall clock that is behind the token's arrival was set back meanwhile: it is no younger than at first.
            _ => before.map_or_else(
                || Known { wall: millis(clock.wall()).max(meta.issued), boot: clock.boot() },
                |before| before.known,
            ),
        };
        let token = before.map(|before| before.token.clone()).unwrap_or_default();
        Self { meta, epoch: stored.epoch, secrets: stored.secrets.clone(), known, token }
    }

    pub(crate) fn name(&self) -> (&str, &str) {
        (&self.meta.service, &self.meta.account)
    }

    pub(crate) fn who(&self) -> Who {
        Who { service: self.meta.service.clone(), account: self.meta.account.clone() }
    }

    /// Whether it has secrets, good ones or not.
    pub(crate) fn holds_token(&self) -> bool {
        self.meta.state != State::Cleared
    }

    /// Where in its life the token is: as late as either clock says.
    pub(crate) fn stage(&self, clock: &dyn Clock) -> Stage {
        self.stage_at(clock, clock.boot())
    }

    /// The same for a caller who has looked at [`Clock::boot`] already.
    pub(crate) fn stage_at(&self, clock: &dyn Clock, boot: Duration) -> Stage {
        self.meta.expires.map_or(Stage::Fresh, |expires| stage(self.meta.issued, expires, self.now(clock, boot)))
    }

    /// How long the token lives by either clock; `None` if nobody said.
    pub(crate) fn left(&self, clock: &dyn Clock) -> Option<Duration> {
        self.meta.expires.map(|expires| Duration::from_millis(expires.saturating_sub(self.now(clock, clock.boot()))))
    }

    fn now(&self, clock: &dyn Clock, boot: Duration) -> u64 {
        let since_known = millis(boot.saturating_sub(self.known.boot));
        millis(clock.wall()).max(self.known.wall.saturating_add(since_known))
    }

    /// The token, decrypted once.
    pub(crate) fn token(&self, key: &StoreKey) -> Result<Arc<Token>, StoreError> {
        if let Some(token) = self.token.get() {
            return Ok(Arc::clone(token));
        }
        let sealed = self.secrets.as_ref().ok_or(DOES_NOT_OPEN)?;
        let secrets = open(key, secrets_place(&self.meta), sealed)?;
        let token = Arc::new(Token::read(&secrets).ok_or(DOES_NOT_OPEN)?);
        Ok(Arc::clone(self.token.get_or_init(|| token)))
    }

    /// The token, if it was ever decrypted here.
    pub(crate) fn opened(&self) -> Option<&Arc<Token>> {
        self.token.get()
    }
}

/// What becomes of a record's secrets.
pub(crate) enum Secrets {
    /// They are taken out.
    Forget,
    /// Their box stays as it is.
    Keep,
    /// These come in their place.
    Replace(Zeroizing<Vec<u8>>),
}

/// Closes a record's boxes. `before` is the record that it comes in the place of.
pub(crate) fn seal_record(
    key: &StoreKey,
    epoch: u64,
    meta: &mut Meta,
    secrets: Secrets,
    before: Option<&Record>,
) -> Result<Stored, StoreError> {
    let secrets = match secrets {
        Secrets::Forget => None,
        Secrets::Keep => before.and_then(|before| before.secrets.clone()),
        Secrets::Replace(secrets) => {
            meta.token_epoch = epoch;
            Some(seal(key, secrets_place(meta), &secrets)?)
        }
    };
    let id = id(key, &meta.service, &meta.account)?;
    let encoded = serde_json::to_vec(meta).map_err(|_| StoreError::Damaged("a record cannot be encoded"))?;
    let place = Place { kind: Kind::Meta, service: &meta.service, account: &meta.account, epoch };
    Ok(Stored {
        epoch,
        name: seal(key, name_place(&id, epoch), format!("{} {}", meta.service, meta.account).as_bytes())?,
        meta: seal(key, place, &encoded)?,
        secrets,
        id,
        rest: serde_json::Map::new(),
    })
}

/// Opens a record's names and metadata.
pub(crate) fn open_meta(key: &StoreKey, stored: &Stored) -> Result<Meta, StoreError> {
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

/// The name under which a record stands in the file.
pub(crate) fn id(key: &StoreKey, service: &str, account: &str) -> Result<String, StoreError> {
    tag(key, "record", &[service.as_bytes(), account.as_bytes()])
}

/// The secrets' box names the epoch at which it was closed: it outlives changes of the metadata, which names that epoch too.
fn secrets_place(meta: &Meta) -> Place<'_> {
    Place { kind: Kind::Secrets, service: &meta.service, account: &meta.account, epoch: meta.token_epoch }
}

fn name_place(id: &str, epoch: u64) -> Place<'_> {
    Place { kind: Kind::Name, service: id, account: "", epoch }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::token::NewToken;

    pub(crate) struct Still;

    impl Clock for Still {
        fn wall(&self) -> Duration {
            Duration::from_secs(1_000)
        }

        fn boot(&self) -> Duration {
            Duration::ZERO
        }
    }

    pub(crate) fn key() -> StoreKey {
        StoreKey::new(Zeroizing::new([3; 32]))
    }

    pub(crate) fn stored(service: &str, access: &str, epoch: u64) -> Stored {
        let new = NewToken::of(Secret::new(access.to_owned().into()).unwrap());
        let who = Who { service: service.into(), account: "default".into() };
        let mut meta = Meta::new(&who, &new, &Still);
        seal_record(&key(), epoch, &mut meta, Secrets::Replace(Token::first(&new).write()), None).unwrap()
    }

    fn record(stored: &Stored) -> Result<Record, StoreError> {
        Ok(Record::new(open_meta(&key(), stored)?, stored, None, &Still))
    }

    fn access(record: &Record) -> String {
        record.token(&key()).unwrap().access().expose().to_owned()
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
        assert_eq!(access(&record(&own).unwrap()), "ghp_token-1");
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
        assert_eq!(access(&changed), "ghp_token-2");
    }

    #[test]
    fn m5_a_change_of_the_metadata_leaves_the_secrets_as_they_are() {
        let own = stored("github", "ghp_token-1", 1);
        let first = record(&own).unwrap();
        let mut meta = Meta { uncertain: true, ..first.meta.clone() };
        let next = seal_record(&key(), 2, &mut meta, Secrets::Keep, Some(&first)).unwrap();
        assert!(next.secrets == own.secrets && next.meta != own.meta && next.epoch == 2);
        assert_eq!(access(&record(&next).unwrap()), "ghp_token-1");
        // The secrets of an earlier token do not come back with them.
        let later = stored("github", "ghp_token-2", 3);
        let mixed = Stored { secrets: own.secrets, ..later };
        assert_eq!(record(&mixed).unwrap().token(&key()).err(), Some(DOES_NOT_OPEN));
    }
}
