//! `hotcell doctor`: does everything work that Hotcell stands on, and which walls stand?

use std::time::Instant;

use hotcell_protocol::Refusal;
use serde::Serialize;

use super::Exit;
use super::args;
use super::output;
use crate::Host;
use crate::Places;

#[derive(Serialize)]
struct Finding {
    what: &'static str,
    good: bool,
    found: String,
    repair: String,
}

fn good(what: &'static str, found: impl Into<String>) -> Finding {
    Finding { what, good: true, found: found.into(), repair: String::new() }
}

fn of(what: &'static str, result: Result<String, Refusal>) -> Finding {
    match result {
        Ok(found) => good(what, found),
        Err(refusal) => Finding { what, good: false, found: refusal.message, repair: refusal.hint },
    }
}

pub(super) async fn doctor(args: &args::Json, open: impl FnOnce() -> Result<Host, Refusal>) -> Result<Exit, Refusal> {
    let places = Places::of_user()?;
    let mut findings = vec![
        good("version", concat!("hotcell ", env!("CARGO_PKG_VERSION"))),
        good("config folder", places.config.display().to_string()),
        good("state folder", places.state.display().to_string()),
        good("cache folder", places.cache.display().to_string()),
    ];
    match open() {
        Err(refusal) => findings.push(of("folders and config.toml", Err(refusal))),
        Ok(host) => {
            findings.push(good("folders and config.toml", "can be used, and are closed to other users"));
            findings.extend(of_host(&host));
            findings.push(good("first wall", "WebAssembly sandbox: a guest has no files, no network, no environment"));
            findings.push(second_wall(&host).await);
        }
    }
    findings.push(hardened());
    let bad = findings.iter().any(|finding| !finding.good);
    if args.json {
        output::json(&findings)?;
    } else {
        findings.iter().for_each(show);
    }
    Ok(if bad { Exit::Store } else { Exit::Done })
}

fn of_host(host: &Host) -> Vec<Finding> {
    let started = Instant::now();
    let store = host.store().and_then(|store| match store {
        None => Ok("there is none yet: hotcell auth signin SERVICE, or auth set SERVICE".to_owned()),
        Some(store) => {
            let held = store.metadata()?;
            let key = held.first().map(|held| format!(", its key is in {}", held.backend)).unwrap_or_default();
            Ok(format!("opens in {} ms, {} tokens{key}", started.elapsed().as_millis(), held.len()))
        }
    });
    let services = host.services().explain();
    let incomplete: Vec<_> = services.iter().filter(|service| !service.missing.is_empty()).collect();
    let services = match incomplete.as_slice() {
        [] => format!("{} set up", services.len()),
        incomplete => {
            let names: Vec<_> = incomplete.iter().map(|service| service.name.as_str()).collect();
            format!("{} set up; something is still to be written for {}", services.len(), names.join(", "))
        }
    };
    vec![of("credential store", store), good("services", services), of("tools", tools(host))]
}

/// What stands around a guest that broke out of the first wall.
async fn second_wall(host: &Host) -> Finding {
    let what = "second wall";
    let wall = match host.second_wall().await {
        Ok(wall) => wall,
        Err(refusal) => return of(what, Err(refusal)),
    };
    if wall.missing.is_empty() {
        return good(what, format!("guests run in processes of their own: {}", wall.standing.join(", ")));
    }
    let standing = if wall.standing.is_empty() { "none".to_owned() } else { wall.standing.join(", ") };
    Finding {
        what,
        good: false,
        found: format!("{standing}; missing: {}", wall.missing.join(", ")),
        repair: "the first wall holds alone where this one is missing: use Linux 6.12 or newer, outside of containers \
                 that forbid namespaces, and sandbox.isolation = \"tool\" in config.toml"
            .into(),
    }
}

/// Whether each installed tool is still what was granted.
fn tools(host: &Host) -> Result<String, Refusal> {
    let grants = host.catalog().grants()?;
    let mut suspended = Vec::new();
    for granted in grants.values() {
        host.catalog().component(granted)?;
        if !host.strikes().suspended(granted.digest)?.is_empty() {
            suspended.push(granted.name.as_str());
        }
    }
    let suspended = if suspended.is_empty() { String::new() } else { format!("; suspended: {}", suspended.join(", ")) };
    Ok(format!("{} installed, each just as it was granted{suspended}", grants.len()))
}

/// What the system says now, not what was asked of it.
#[cfg(target_os = "linux")]
fn hardened() -> Finding {
    use rustix::process::DumpableBehavior;
    let closed = rustix::process::dumpable_behavior().is_ok_and(|is| is == DumpableBehavior::NotDumpable);
    let no_core = rustix::process::getrlimit(rustix::process::Resource::Core).current == Some(0);
    match (closed, no_core) {
        (true, true) => good("this process", "no core dumps; other processes of this user cannot read its memory"),
        _ => Finding {
            what: "this process",
            good: false,
            found: "its memory can be read by other processes of this user, or end in a core dump".into(),
            repair: "the system does not offer it here (a container's rules, perhaps): run nothing else as this user"
                .into(),
        },
    }
}

#[cfg(not(target_os = "linux"))]
fn hardened() -> Finding {
    good("this process", if cfg!(unix) { "no core dumps" } else { "nothing is hardened on this system" })
}

fn show(finding: &Finding) {
    let line = format!("{:<24} {}", finding.what, finding.found);
    match finding.good {
        true => output::good(&line),
        false => output::bad(&line),
    }
    if !finding.repair.is_empty() {
        output::note(&format!("   {}", finding.repair));
    }
}
