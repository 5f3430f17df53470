//! The key of the credential store on the command line: the keychain, a passphrase, a key file. Which one is chosen the
//! first time and recorded; nothing is ever chosen in silence.

use std::path::PathBuf;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_vault::Backend;
use hotcell_vault::Key;
use zeroize::Zeroizing;

use super::args::KeyChoice;
use super::args::StoreKind;
use super::ask;
use super::output;
use crate::KeyPlace;
use crate::Keys;
use crate::folders;

const KEY_FILE: &str = "HOTCELL_KEY_FILE";
const PASSPHRASE_FILE: &str = "HOTCELL_PASSPHRASE_FILE";
const PASSPHRASE_BYTES: usize = 4096;

/// The places for a new store's key that need no typing. Paths are not shown: who asks may be an agent.
const KEYCHAIN: KeyPlace = KeyPlace { name: "keychain", words: "In this system's keychain" };
const FILE: KeyPlace = KeyPlace {
    name: "key-file",
    words: "In the file that HOTCELL_KEY_FILE names, which only you can read (whoever has the disk has the tokens)",
};
const PASSPHRASE: KeyPlace = KeyPlace {
    name: "passphrase",
    words: "Nowhere: derived from the passphrase in the file that HOTCELL_PASSPHRASE_FILE names",
};

/// Asks a person, or reads what the variables name.
pub(super) struct Asked;

/// Reads what the variables name, and asks nobody: a server's terminal, if it has one, is its client's.
pub(super) struct Unasked;

impl Keys for Unasked {
    fn key(&self, recorded: &Backend) -> Result<Key, Refusal> {
        if matches!(recorded, Backend::Passphrase { .. }) && std::env::var_os(PASSPHRASE_FILE).is_none() {
            return Err(nobody_to_ask());
        }
        Asked.key(recorded)
    }

    fn places(&self) -> Vec<KeyPlace> {
        let named = |variable: &str| std::env::var_os(variable).is_some_and(|path| !path.is_empty());
        let places = [(true, KEYCHAIN), (named(KEY_FILE), FILE), (named(PASSPHRASE_FILE), PASSPHRASE)];
        places.into_iter().filter_map(|(there, place)| there.then_some(place)).collect()
    }

    fn new_key(&self, place: &str) -> Result<Key, Refusal> {
        let none =
            || Refusal::new(Code::BadArguments, "there is no such place for the key", "choose one that is shown");
        let place = self.places().into_iter().find(|known| known.name == place).ok_or_else(none)?;
        let kinds = [(KEYCHAIN, StoreKind::Keychain), (FILE, StoreKind::KeyFile), (PASSPHRASE, StoreKind::Passphrase)];
        let kind = kinds.into_iter().find_map(|(known, kind)| (known == place).then_some(kind));
        choose(&KeyChoice { store: kind, key_file: None })
    }
}

impl Keys for Asked {
    fn key(&self, recorded: &Backend) -> Result<Key, Refusal> {
        match recorded {
            Backend::Keychain => Ok(Key::Keychain),
            Backend::KernelKeyring => Ok(Key::KernelKeyring),
            Backend::KeyFile => key_file(None).map(Key::KeyFile),
            Backend::Passphrase { .. } => passphrase("Passphrase of the credential store: ").map(Key::Passphrase),
            Backend::Memory => Err(Refusal::new(
                Code::StoreUnavailable,
                "the credential store was made with a key that lived in another process",
                "move the state folder's `auth` away and sign in again",
            )),
        }
    }
}

/// The key for a store that does not exist yet: as the options say, or as a person chooses.
pub(super) fn choose(args: &KeyChoice) -> Result<Key, Refusal> {
    match args.store {
        Some(StoreKind::Keychain) => Ok(Key::Keychain),
        Some(StoreKind::KernelKeyring) => Ok(Key::KernelKeyring),
        Some(StoreKind::KeyFile) => key_file(args.key_file.clone()).map(Key::KeyFile),
        Some(StoreKind::Passphrase) => new_passphrase().map(Key::Passphrase),
        None if ask::can_ask() => ask_for_kind(args),
        None => Err(Refusal::new(
            Code::StoreUnavailable,
            "there is no credential store yet, and nobody to ask where its key should be kept",
            "add --store keychain, --store passphrase, or --store key-file --key-file FILE",
        )),
    }
}

fn ask_for_kind(args: &KeyChoice) -> Result<Key, Refusal> {
    output::note("There is no credential store yet. Tokens are encrypted; where should the key be kept?");
    output::note("  1  in this system's keychain");
    output::note("  2  nowhere: derived from a passphrase that is asked for each time");
    output::note("  3  in a file that only you can read (whoever has the disk has the tokens)");
    match ask::typed("1, 2 or 3: ")?.as_str() {
        "1" => Ok(Key::Keychain),
        "2" => new_passphrase().map(Key::Passphrase),
        "3" => {
            let path = match &args.key_file {
                Some(path) => path.clone(),
                None => PathBuf::from(ask::typed("Path of the key file: ")?),
            };
            key_file(Some(path)).map(Key::KeyFile)
        }
        _ => Err(Refusal::new(Code::BadArguments, "that is none of the three", "nothing was changed; run it again")),
    }
}

fn key_file(named: Option<PathBuf>) -> Result<PathBuf, Refusal> {
    let named =
        named.or_else(|| std::env::var_os(KEY_FILE).map(PathBuf::from)).filter(|path| !path.as_os_str().is_empty());
    named.ok_or_else(|| {
        Refusal::new(
            Code::StoreUnavailable,
            "the credential store's key is in a file, and nobody says in which",
            format!("set {KEY_FILE} to its path"),
        )
    })
}

fn passphrase(prompt: &str) -> Result<Zeroizing<String>, Refusal> {
    let Some(path) = std::env::var_os(PASSPHRASE_FILE).map(PathBuf::from) else {
        return ask::hidden(prompt).map_err(|_| nobody_to_ask());
    };
    let bytes = folders::read_secret_file(&path, PASSPHRASE_BYTES)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Refusal::new(Code::StoreUnavailable, "the passphrase file is not text", "save it as UTF-8"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn nobody_to_ask() -> Refusal {
    Refusal::new(
        Code::StoreUnavailable,
        "the credential store has a passphrase, and nobody can be asked for it",
        format!("run it on a terminal, or set {PASSPHRASE_FILE} to a file that holds it"),
    )
}

fn new_passphrase() -> Result<Zeroizing<String>, Refusal> {
    let first = passphrase("New passphrase for the credential store (at least 8 characters): ")?;
    if std::env::var_os(PASSPHRASE_FILE).is_none() && *ask::hidden("The same again: ")? != *first {
        return Err(Refusal::new(
            Code::BadArguments,
            "the two passphrases differ",
            "nothing was changed; run it again",
        ));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_at_a_place_that_was_shown_or_nowhere() {
        for place in ["", "memory", "kernel-keyring", "/tmp/key", "Keychain"] {
            assert_eq!(Unasked.new_key(place).err().unwrap().code, Code::BadArguments, "{place}");
        }
        assert_eq!(Unasked.places().first(), Some(&KEYCHAIN));
        assert!(matches!(Unasked.new_key("keychain"), Ok(Key::Keychain)));
        assert!(Asked.places().is_empty(), "a command asks by itself");
    }
}
