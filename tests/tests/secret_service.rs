//! The key of the store in a real Secret Service: GNOME's keyring, on a session bus of its own.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use hotcell_tests::Cell;
use hotcell_tests::Ran;
use hotcell_tests::programs;

/// Runs a script on a bus of its own, with `$HOTCELL` and with the keyring's daemon as `keyring`. `None` if it was left out.
fn on_a_bus(cell: &Cell, script: &str) -> Option<Ran> {
    let root = programs::servers()?.join("secret-service/root");
    let daemon = root.join("usr/bin/gnome-keyring-daemon");
    if !daemon.is_file() {
        println!("left out: there is no {}", daemon.display());
        return None;
    }
    let libraries = std::fs::read_dir(root.join("usr/lib")).unwrap().map(|entry| entry.unwrap().path());
    let libraries: Vec<_> = libraries.map(|path| path.display().to_string()).collect();
    let places = cell.places();
    let home = cell.path().join("home");
    std::fs::create_dir_all(home.join("run")).unwrap();
    let keyring = format!("LD_LIBRARY_PATH={} {} --components=secrets", libraries.join(":"), daemon.display());
    let output = Command::new("dbus-run-session")
        .args(["--", "sh", "-ec", &format!("keyring() {{ {keyring} \"$@\"; }}\n{WAIT_FOR_IT}\n{script}")])
        .env("HOTCELL", programs::hotcell())
        .env("TOKEN", cell.canary().token())
        .env("HOTCELL_CONFIG", &places.config)
        .env("HOTCELL_STATE", &places.state)
        .env("HOTCELL_CACHE", &places.cache)
        .env("HOTCELL_LOG", "trace")
        .env("HOME", &home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_RUNTIME_DIR", home.join("run"))
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .output()
        .unwrap();
    Some(cell.keep(&["(on a bus)"], output))
}

const CONFIG: &str = "[service.github]\norigins = [\"https://api.github.com\"]\nscopes = { a = [\"GET /a\"] }\n";
/// Starts it unlocked, and waits until it is on the bus.
const UNLOCK: &str = "printf 'a passphrase' | keyring --unlock > /dev/null\nwait_for_it\n";
const WAIT_FOR_IT: &str = "wait_for_it() { for _ in $(seq 200); do dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
    org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep -q 'boolean true' && return; sleep 0.05; done; }";

#[test]
fn a_real_secret_service_keeps_the_key_and_opens_the_store_again() {
    let cell = Cell::new("ghp_");
    cell.config(CONFIG);
    let script = format!(
        "{UNLOCK}printf %s \"$TOKEN\" | \"$HOTCELL\" auth set github --scope a --store keychain\n\
         \"$HOTCELL\" auth status github --json --check"
    );
    let Some(ran) = on_a_bus(&cell, &script) else { return };
    let status = ran.exits(0).json();
    assert_eq!((status[0]["backend"].as_str(), status[0]["signed_in"].as_bool()), (Some("keychain"), Some(true)));
    assert_eq!(status[0]["check"]["usable"], true);

    // The next session has the same keyring on its disk: unlocked it opens the store.
    let again = on_a_bus(&cell, &format!("{UNLOCK}\"$HOTCELL\" auth status github")).unwrap();
    again.exits(0);
}

#[test]
fn m12_without_a_secret_service_or_with_a_locked_one_there_is_a_clear_error_in_seconds_and_nothing_is_lost() {
    let cell = Cell::new("ghp_");
    cell.config(CONFIG);
    let set = "printf %s \"$TOKEN\" | \"$HOTCELL\" auth set github --scope a --store keychain";
    let started = Instant::now();
    let Some(ran) = on_a_bus(&cell, set) else { return };
    ran.exits(7).says("keychain cannot be used").says("--store passphrase");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());

    on_a_bus(&cell, &format!("{UNLOCK}{set}")).unwrap().exits(0);
    let store = cell.places().state.join("auth/store.json.enc");
    let before = std::fs::read(&store).unwrap();
    // Nobody unlocks it, and nobody answers its prompt.
    let started = Instant::now();
    let locked = on_a_bus(&cell, "keyring --start > /dev/null\nwait_for_it\n\"$HOTCELL\" auth status github").unwrap();
    locked.exits(3).says("keychain");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert_eq!(std::fs::read(&store).unwrap(), before);
    on_a_bus(&cell, &format!("{UNLOCK}\"$HOTCELL\" auth status github")).unwrap().exits(0);
}
