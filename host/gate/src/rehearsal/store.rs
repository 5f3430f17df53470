//! A store of made-up credentials: under a key that nobody has, so that no store of anybody's can be opened in its place.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use hotcell_vault::AuthError;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;
use zeroize::Zeroizing;

use super::FAKE;
use crate::service::Services;

/// The credential of each service.
pub(super) type Fakes = BTreeMap<String, String>;

/// Letters and digits of a made-up credential. The scan looks for such a one in all of its forms.
const LENGTH: usize = 40;

/// A store in which nothing is real. Made here alone.
pub(crate) struct FakeStore(Arc<AuthStore>);

impl FakeStore {
    /// A new store, with a new credential for each service.
    pub(super) fn make(
        folder: Dir,
        services: &Services,
        signed_in: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<(Self, Fakes), Refusal> {
        // Whatever is there was made under another key, and would not open; it is not even looked at.
        if AuthStore::recorded(&folder)?.is_some() {
            return Err(Refusal::new(
                Code::StoreUnavailable,
                "a rehearsal was to use a folder that holds a credential store",
                "give it an empty folder of its own",
            ));
        }
        let store = AuthStore::open(folder, &Key::Memory(random()?))?;
        let mut fakes = Fakes::new();
        for (service, scopes) in signed_in {
            let known = services.find(service).ok_or_else(|| unknown("service", service, services.names()))?;
            if let Some(scope) = scopes.iter().find(|scope| !known.scopes.contains_key(*scope)) {
                return Err(unknown(&format!("scope of {service}"), scope, known.scopes.keys().map(String::as_str)));
            }
            let fake = new_fake()?;
            let access = Secret::new(Zeroizing::new(fake.clone())).map_err(AuthError::from)?;
            let token = NewToken { scopes: scopes.clone(), ..NewToken::of(access) };
            store.set_bound_token(service.as_str(), &token, services.fingerprint(service))?;
            fakes.insert(service.clone(), fake);
        }
        Ok((Self(Arc::new(store)), fakes))
    }

    /// The store, for the gate of a rehearsal.
    pub(crate) fn into_store(self) -> Arc<AuthStore> {
        self.0
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Refusal {
    Refusal::new(
        Code::BadConfig,
        format!("no {what} is named `{}`", cut(&visible(name), 80)),
        format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
    )
}

fn new_fake() -> Result<String, Refusal> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters = random::<LENGTH>()?.map(|byte| ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'a'));
    Ok(FAKE.chars().chain(letters.into_iter().map(char::from)).collect())
}

fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::internal("the system has no random numbers"))?;
    Ok(bytes)
}
