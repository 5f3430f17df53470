//! A key in the system's keychain: one small item, so that one prompt opens all tokens and no system's size limit is met.
//!
//! Every call runs on a thread of its own with a time limit: a Secret Service that asks somebody who is not there would
//! otherwise hang the host for ever (threat M12).

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use keyring_core::CredentialStore;
use keyring_core::Error;
use zeroize::Zeroizing;

use super::decode;
use super::encode;
use crate::envelope::StoreKey;
use crate::envelope::random;
use crate::error::StoreError;

const SERVICE: &str = "hotcell";
const USER: &str = "store-key-v1";
/// How long the keychain may take to answer.
const WAIT: Duration = Duration::from_secs(3);

/// Takes the keychain's key, or puts a new one in.
pub(super) fn make() -> Result<StoreKey, StoreError> {
    match fetch() {
        Err(StoreError::Keychain(NO_ENTRY)) => {
            let key: StoreKey = Zeroizing::new(random()?);
            let text = encode(&key);
            within(WAIT, move || entry(&*platform_store()?)?.set_secret(text.as_bytes()).map_err(explain))?;
            // Read back: a keychain that forgets at once must not be what a store's only key is in.
            let kept = fetch()?;
            if *kept == *key { Ok(kept) } else { Err(StoreError::Keychain("it did not keep the key")) }
        }
        other => other,
    }
}

const NO_ENTRY: &str = "it holds no key of Hotcell";

/// Reads the keychain's key.
pub(super) fn fetch() -> Result<StoreKey, StoreError> {
    let bytes = within(WAIT, || entry(&*platform_store()?)?.get_secret().map(Zeroizing::new).map_err(explain))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| StoreError::Keychain("it holds something else under Hotcell's name"))?;
    decode(text).ok_or(StoreError::Keychain("it holds something else under Hotcell's name"))
}

fn entry(store: &CredentialStore) -> Result<keyring_core::Entry, StoreError> {
    store.build(SERVICE, USER, None).map_err(explain)
}

#[cfg(target_os = "linux")]
fn platform_store() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(zbus_secret_service_keyring_store::Store::new().map_err(explain)?)
}

#[cfg(target_os = "macos")]
fn platform_store() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(apple_native_keyring_store::keychain::Store::new().map_err(explain)?)
}

#[cfg(target_os = "windows")]
fn platform_store() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(windows_native_keyring_store::Store::new().map_err(explain)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
fn platform_store() -> Result<Arc<CredentialStore>, StoreError> {
    Err(StoreError::Keychain("this system has none that Hotcell knows"))
}

/// Runs a keychain call on a thread of its own. The thread of a call that hangs stays behind; it holds no lock.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new()
        .name("hotcell-keychain".into())
        .spawn(move || drop(sender.send(work())))
        .map_err(|_| StoreError::Keychain("there is no thread for it"))?;
    receiver.recv_timeout(limit).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => {
            StoreError::Keychain("it did not answer within 3 s; it may wait for somebody to unlock it")
        }
        mpsc::RecvTimeoutError::Disconnected => StoreError::Keychain("its library failed"),
    })?
}

/// Says in our own words what went wrong. Keyring's errors can hold the secret itself, and their texts are not ours (threat G2).
#[expect(clippy::needless_pass_by_value, reason = "the foreign error ends here")]
fn explain(error: Error) -> StoreError {
    StoreError::Keychain(match error {
        Error::NoEntry => NO_ENTRY,
        Error::NoStorageAccess(_) => "it is locked, or access was denied",
        Error::PlatformFailure(_) => "the system offers none, or it failed",
        Error::Ambiguous(_) => "it holds several keys of Hotcell",
        Error::TooLong(..) | Error::Invalid(..) | Error::BadStoreFormat(_) | Error::NotSupportedByStore(_) => {
            "it refuses the key's form"
        }
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "it holds something else under Hotcell's name",
        _ => "it failed",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn m12_a_keychain_that_hangs_costs_its_limit_and_a_clear_error() {
        let started = Instant::now();
        let limit = Duration::from_millis(200);
        let result = within(limit, || {
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        });
        let Err(StoreError::Keychain(why)) = result else { panic!("a hanging keychain answered") };
        assert!(why.contains("did not answer"), "{why}");
        assert!(started.elapsed() < limit * 5);
    }

    #[test]
    fn g2_an_error_with_the_secret_in_it_says_nothing_of_it() {
        let error = explain(Error::BadEncoding(b"s3cret-s3cret".to_vec()));
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }

    #[test]
    fn a_key_comes_back_from_a_keychain() {
        let store = keyring_core::mock::Store::new().unwrap();
        let key: StoreKey = Zeroizing::new([7; 32]);
        let entry = entry(&*store).unwrap();
        assert!(matches!(entry.get_secret().map_err(explain), Err(StoreError::Keychain(NO_ENTRY))));
        entry.set_secret(encode(&key).as_bytes()).unwrap();
        let text = String::from_utf8(entry.get_secret().unwrap()).unwrap();
        assert_eq!(*decode(&text).unwrap(), *key);
    }
}
