//! Fuzz targets of the gate: functions of bytes that panic where a promise is broken. Built for tests alone.
//! `tests/fuzz` has the driver, what was kept, and what was run so far.

#![allow(missing_docs, unreachable_pub, reason = "no part of the product")]

mod addresses;
mod bodies;
mod headers;
mod ops;
mod policy;
mod properties;
mod scan;
mod targets;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_protocol::Digest;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;

use crate::policy::Grant;
use crate::policy::PublicRule;
use crate::service::Services;

use addresses::addresses;
use bodies::bodies;
use headers::headers;
use ops::ops;
use policy::policy;
use scan::scan;

/// A token as services make them: letters of both cases, digits, two separators.
const TOKEN: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
/// The signature of a token in three parts is a secret by itself.
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

const SERVICES: &str = r#"
[service.api]
origins = ["https://api.example.com", "https://api.example.com:8443", "http://127.0.0.1:8080"]
anonymous = ["GET /public/**"]
deny = ["/account/**", "/repos/{owner}/secrets"]
scopes = { read = ["GET,HEAD /repos/{owner}/{repo}/issues", "GET /v1/**", "GET /q/{id}?state&{action:list|get}"], write = ["POST /repos/{owner}/{repo}/issues", "PUT /t/{table:a|b}", "GET /q/{id}?state&page", "GET /none?"] }
[service.other]
origins = ["https://other.example.com"]
scopes = { all = ["GET,POST,PUT,PATCH,DELETE,HEAD /**"] }
"#;

fn services() -> Services {
    Services::parse(SERVICES, "config.toml").unwrap()
}

/// A grant of what these bits say. More bits are more of a grant.
fn grant(bits: u8) -> Grant {
    let mut services: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (bit, service, scope) in [(1, "api", ""), (2, "api", "read"), (4, "api", "write"), (8, "other", "all")] {
        if bits & bit != 0 {
            let scopes = services.entry(service.to_owned()).or_default();
            scopes.extend((!scope.is_empty()).then(|| scope.to_owned()));
        }
    }
    let public = ["GET https://open.example.org/data/{id}", "GET,HEAD https://open.example.org/files/**?page"];
    let public = public.iter().enumerate().filter(|(index, _)| bits & (16 << index) != 0);
    Grant {
        tool: "tool".into(),
        digest: Digest::of(b"tool"),
        action: "act".into(),
        services,
        public: public.map(|(_, rule)| PublicRule::parse(rule).unwrap()).collect(),
    }
}

/// A store that holds these tokens, in memory but for its file.
fn store(tokens: &[(&str, &str, &[&str])]) -> Arc<AuthStore> {
    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    // Left behind for the life of the process: a fuzz run has one or two.
    let dir = Dir::open_ambient_dir(folder.keep(), ambient_authority()).unwrap();
    let store = AuthStore::open(dir, &Key::Memory([1; 32])).unwrap();
    for (service, token, scopes) in tokens {
        let access = Secret::new((*token).to_owned().into()).unwrap();
        let scopes = scopes.iter().map(ToString::to_string).collect();
        store.set_token(*service, &NewToken { scopes, ..NewToken::of(access) }).unwrap();
    }
    Arc::new(store)
}

/// A number out of several: what a target returns.
fn outcome<T: std::hash::Hash>(of: T) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = std::hash::DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
