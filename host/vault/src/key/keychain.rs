//! A key in the system's keychain: one small item, so that one prompt opens all tokens and no system's size limit is met.
//!
//! Every call runs on a thread of its own with a time limit: a Secret Service that asks somebody who is not there would
//! otherwise hang the host for ever (threat M12).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use keyring_core::CredentialStore;
use keyring_core::Entry;
use keyring_core::Error;
use zeroize::Zeroizing;

use super::decode;
use super::encode;
use crate::envelope::StoreKey;
use crate::error::StoreError;

const SERVICE: &str = "hotcell";
const USER: &str = "store-key-v1";
/// How long the keychain may take to answer.
const WAIT: Duration = Duration::from_secs(3);
const NOT_OURS: StoreError = StoreError::Keychain("it holds something else under Hotcell's name");

/// Opens a keychain. Called on the thread that may hang.
pub(super) type Opener = fn() -> Result<Arc<CredentialStore>, StoreError>;

/// Takes the keychain's key, or puts a new one in.
pub(super) fn make(keychain: Opener) -> Result<StoreKey, StoreError> {
    if let Some(key) = read(keychain)? {
        return Ok(key);
    }
    let key = StoreKey::random()?;
    let text = encode(&key);
    within(WAIT, move || entry(&*keychain()?)?.set_secret(text.as_bytes()).map_err(explain))?;
    // Read back: a keychain that forgets at once must not be what a store's only key is in.
    match read(keychain)? {
        Some(kept) if kept.bytes() == key.bytes() => Ok(kept),
        _ => Err(StoreError::Keychain("it did not keep the key")),
    }
}

/// Reads the keychain's key. Never makes one: a store whose key is gone would seem to open, empty.
pub(super) fn fetch(keychain: Opener) -> Result<StoreKey, StoreError> {
    read(keychain)?.ok_or(StoreError::KeyGone)
}

fn read(keychain: Opener) -> Result<Option<StoreKey>, StoreError> {
    within(WAIT, move || match entry(&*keychain()?)?.get_secret().map(Zeroizing::new) {
        Ok(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| NOT_OURS)?;
            decode(text).map(Some).ok_or(NOT_OURS)
        }
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(explain(error)),
    })
}

fn entry(store: &CredentialStore) -> Result<Entry, StoreError> {
    let options = HashMap::from(OPTIONS);
    store.build(SERVICE, USER, Some(&options)).map_err(explain)
}

/// The item stays on this machine; the library's own choice is to let it roam through the domain (threat K7).
#[cfg(target_os = "windows")]
const OPTIONS: [(&str, &str); 1] = [("persistence", "local")];
#[cfg(not(target_os = "windows"))]
const OPTIONS: [(&str, &str); 0] = [];

/// The system's keychain.
#[cfg(target_os = "linux")]
pub(super) fn of_system() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(zbus_secret_service_keyring_store::Store::new().map_err(explain)?)
}

/// The keyring of the Linux kernel. It forgets when the machine restarts, and after some days without use: only where it was
/// asked for by name.
#[cfg(target_os = "linux")]
pub(super) fn of_kernel() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(linux_keyutils_keyring_store::Store::new().map_err(explain)?)
}

/// The keyring of the Linux kernel.
#[cfg(not(target_os = "linux"))]
pub(super) fn of_kernel() -> Result<Arc<CredentialStore>, StoreError> {
    Err(StoreError::Keychain("the kernel of this system has none"))
}

/// The system's keychain.
#[cfg(target_os = "macos")]
pub(super) fn of_system() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(apple_native_keyring_store::keychain::Store::new().map_err(explain)?)
}

/// The system's keychain.
#[cfg(target_os = "windows")]
pub(super) fn of_system() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(windows_native_keyring_store::Store::new().map_err(explain)?)
}

/// The system's keychain.
#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
pub(super) fn of_system() -> Result<Arc<CredentialStore>, StoreError> {
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
fn explain(error: Error) -> StoreError {
    let why = match &error {
        Error::NoStorageAccess(_) => "it is locked, or access was denied",
        Error::PlatformFailure(_) => "the system offers none, or it failed",
        Error::Ambiguous(_) => "it holds several keys of Hotcell",
        Error::TooLong(..) | Error::Invalid(..) | Error::BadStoreFormat(_) | Error::NotSupportedByStore(_) => {
            "it refuses the key's form"
        }
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "it holds something else under Hotcell's name",
        _ => "it failed",
    };
    if let Error::BadEncoding(bytes) | Error::BadDataFormat(bytes, _) = error {
        drop(Zeroizing::new(bytes));
    }
    StoreError::Keychain(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring_core::Result;
    use keyring_core::api::CredentialApi;
    use keyring_core::api::CredentialStoreApi;
    use keyring_core::mock;
    use std::any::Any;
    use std::sync::OnceLock;
    use std::time::Instant;

    /// A mock keychain for each test that needs one; a function pointer can hold none.
    macro_rules! mock_keychain {
        () => {{
            static STORE: OnceLock<Arc<mock::Store>> = OnceLock::new();
            let opener: Opener = || Ok(Arc::clone(STORE.get_or_init(|| mock::Store::new().unwrap())) as _);
            opener
        }};
    }

    /// Makes the next call of a mock keychain fail.
    fn fail_next(keychain: Opener, error: Error) {
        let entry = entry(&*keychain().unwrap()).unwrap();
        entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(error);
    }

    #[test]
    fn a_key_comes_back_from_a_keychain_and_is_never_replaced() {
        let keychain = mock_keychain!();
        let made = make(keychain).unwrap();
        assert_eq!(fetch(keychain).unwrap().bytes(), made.bytes());
        assert_eq!(make(keychain).unwrap().bytes(), made.bytes());
    }

    #[test]
    fn a_key_that_is_gone_is_an_error_and_not_a_new_key() {
        let keychain = mock_keychain!();
        assert_eq!(fetch(keychain).err(), Some(StoreError::KeyGone));
        assert!(read(keychain).unwrap().is_none());
    }

    #[test]
    fn a_locked_keychain_is_an_error_and_keeps_its_key() {
        let keychain = mock_keychain!();
        let made = make(keychain).unwrap();
        fail_next(keychain, Error::NoStorageAccess("locked".into()));
        assert_eq!(make(keychain).err(), Some(StoreError::Keychain("it is locked, or access was denied")));
        assert_eq!(fetch(keychain).unwrap().bytes(), made.bytes());
    }

    #[test]
    fn g2_an_error_with_the_secret_in_it_says_nothing_of_it() {
        let keychain = mock_keychain!();
        for error in [
            Error::BadEncoding(b"s3cret-s3cret".to_vec()),
            Error::BadDataFormat(b"s3cret-s3cret".to_vec(), "s3cret-s3cret".into()),
            Error::PlatformFailure("s3cret-s3cret".into()),
            Error::Invalid("s3cret-s3cret".into(), "s3cret-s3cret".into()),
        ] {
            fail_next(keychain, error);
            let error = fetch(keychain).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
        entry(&*keychain().unwrap()).unwrap().set_secret(b"s3cret-s3cret").unwrap();
        assert_eq!(make(keychain).err(), Some(NOT_OURS));
    }

    /// A keychain whose item never answers, as a Secret Service that asks somebody who is not there.
    #[derive(Debug)]
    struct Hanging;

    fn hang<T>() -> T {
        loop {
            std::thread::park();
        }
    }

    impl CredentialStoreApi for Hanging {
        fn vendor(&self) -> String {
            "test".into()
        }

        fn id(&self) -> String {
            "test".into()
        }

        fn build(&self, _: &str, _: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
            Ok(Entry::new_with_credential(Arc::new(Self)))
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    impl CredentialApi for Hanging {
        fn set_secret(&self, _: &[u8]) -> Result<()> {
            hang()
        }

        fn get_secret(&self) -> Result<Vec<u8>> {
            hang()
        }

        fn delete_credential(&self) -> Result<()> {
            hang()
        }

        fn get_credential(&self) -> Result<Option<Arc<keyring_core::Credential>>> {
            hang()
        }

        fn get_specifiers(&self) -> Option<(String, String)> {
            None
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    #[test]
    fn m12_a_keychain_that_hangs_costs_three_seconds_and_a_clear_error() {
        for call in [make, fetch] {
            let started = Instant::now();
            let Err(StoreError::Keychain(why)) = call(|| Ok(Arc::new(Hanging))) else { panic!("a hang answered") };
            assert!(why.contains("did not answer"), "{why}");
            let took = started.elapsed();
            assert!(took >= WAIT && took < WAIT + Duration::from_millis(500), "{took:?}");
        }
    }

    #[test]
    fn a_keychain_library_that_panics_is_an_error() {
        let broken: Opener = || panic!("on its own thread");
        assert_eq!(fetch(broken).err(), Some(StoreError::Keychain("its library failed")));
    }
}
