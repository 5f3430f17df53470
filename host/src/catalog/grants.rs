//! Grants: what a person said yes to, by digest. `grants.lock` in the state folder.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_protocol::World;
use serde::Deserialize;
use serde::Serialize;

use super::Manifest;
use super::Package;
use super::Parts;
use super::manifest::toml_mistake;

/// The file's name in the state folder.
pub(super) const FILE: &str = "grants.lock";
/// The one format that this version reads and writes.
const FORMAT: u32 = 1;

/// One tool that a person granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    /// The tool's name.
    pub name: String,
    /// Its version, for people.
    pub version: String,
    /// SHA-256 of the component with its manifest inside. Nothing else runs under this grant.
    pub digest: Digest,
    /// When the person said yes (UTC).
    pub granted_at: jiff::Timestamp,
    /// Interfaces linked without effect.
    #[serde(default)]
    pub inert_imports: Vec<String>,
    /// Of what a tool without code is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Parts>,
    /// Interfaces of other hosts, whose requests go through the gate as well.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub imports: BTreeSet<World>,
    /// What each action may use. An action that is not named here may use nothing.
    #[serde(default, rename = "action")]
    pub actions: BTreeMap<String, GrantedAction>,
}

/// What one action may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantedAction {
    /// Services with scopes. No scope: the service's anonymous requests, without a token.
    #[serde(default)]
    pub services: BTreeMap<String, BTreeSet<String>>,
    /// Requests to public origins, without a token.
    #[serde(default)]
    pub public: BTreeSet<String>,
}

impl Granted {
    /// A grant of everything that the manifest asks for.
    #[must_use]
    pub fn all_of(manifest: &Manifest, digest: Digest, granted_at: jiff::Timestamp) -> Self {
        let grant = |ask: &super::Ask| GrantedAction { services: ask.services.clone(), public: ask.public.clone() };
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest,
            granted_at,
            inert_imports: manifest.inert_imports.clone(),
            declared: None,
            imports: manifest.imports.clone(),
            actions: manifest.actions.iter().map(|(name, ask)| (name.clone(), grant(ask))).collect(),
        }
    }

    /// A grant of everything that a package asks for.
    #[must_use]
    pub fn of(package: &Package, granted_at: jiff::Timestamp) -> Self {
        Self { declared: package.parts.clone(), ..Self::all_of(&package.manifest, package.digest, granted_at) }
    }

    /// The digest of the code that runs: of the executor, where the tool has no code of its own.
    pub(crate) fn code_digest(&self) -> Digest {
        self.declared.as_ref().map_or(self.digest, |parts| parts.executor_digest)
    }

    /// What the component may import beyond what every tool may.
    #[must_use]
    pub fn imports(&self) -> Imports {
        Imports { inert: self.inert_imports.clone(), worlds: self.imports.clone() }
    }

    /// What this grant allows beyond an earlier one, a line each: what a person must look at when a tool changes (threat I4).
    #[must_use]
    pub fn beyond(&self, earlier: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let nothing = GrantedAction::default();
        for (action, now) in &self.actions {
            let before = earlier.actions.get(action).unwrap_or(&nothing);
            for (service, scopes) in &now.services {
                let had = before.services.get(service);
                if had.is_none() {
                    lines.push(format!("{action}: service {service}"));
                }
                let had = had.cloned().unwrap_or_default();
                lines.extend(scopes.difference(&had).map(|scope| format!("{action}: scope {scope} of {service}")));
            }
            lines.extend(now.public.difference(&before.public).map(|rule| format!("{action}: {rule}")));
        }
        let inert = self.inert_imports.iter().filter(|name| !earlier.inert_imports.contains(name));
        lines.extend(inert.map(|name| format!("inert import {name}")));
        let executor = |granted: &Self| granted.declared.as_ref().map(|parts| parts.executor_digest);
        if let Some(parts) = self.declared.as_ref().filter(|_| executor(self) != executor(earlier)) {
            lines.push(format!("executor {}: {}", parts.executor, parts.executor_digest.short()));
        }
        lines.extend(self.imports.difference(&earlier.imports).map(|world| format!("import {world}")));
        lines
    }
}

/// The file as it stands on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    #[serde(default, rename = "tool")]
    tools: Vec<Granted>,
}

/// Reads the file's text.
///
/// # Errors
/// [`Code::BadConfig`] with line and column, or for a format of a newer version.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, Granted>, Refusal> {
    let format: FormatOnly = toml::from_str(text).map_err(|error| toml_mistake(text, FILE, &error))?;
    if format.format != FORMAT {
        return Err(Refusal::new(
            Code::BadConfig,
            format!("{FILE} has format {}, this version reads {FORMAT}", format.format),
            "use the version of hotcell that wrote it",
        ));
    }
    let file: File = toml::from_str(text).map_err(|error| toml_mistake(text, FILE, &error))?;
    Ok(file.tools.into_iter().map(|granted| (granted.name.clone(), granted)).collect())
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// Writes the file's text.
///
/// # Errors
/// [`Code::Internal`] if the grants cannot be written as TOML.
pub(super) fn write(grants: &BTreeMap<String, Granted>) -> Result<String, Refusal> {
    let file = File { format: FORMAT, tools: grants.values().cloned().collect() };
    let text = toml::to_string(&file).map_err(|_| Refusal::internal("the grants cannot be written as TOML"))?;
    Ok(format!("# Written by `hotcell install` and `hotcell remove`. A person said yes to each of these.\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(asks: &str) -> Granted {
        let text = format!("name = \"a\"\nversion = \"1\"\n[actions.go]\n{asks}\n");
        let manifest = Manifest::parse(&text, "t").unwrap();
        Granted::all_of(&manifest, Digest::of(b"x"), jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn written_and_read_back_grants_are_the_same() {
        let mut granted = granted("services = { s = [\"r\", \"w\"], t = [] }");
        granted.imports.insert(World::WasiHttp);
        let grants = BTreeMap::from([("a".to_string(), granted)]);
        assert_eq!(read(&write(&grants).unwrap()).unwrap(), grants);
    }

    #[test]
    fn i4_whatever_a_new_version_adds_is_listed() {
        let before = granted("services = { s = [\"r\"] }");
        let after = granted("services = { s = [\"r\", \"w\"], t = [] }\npublic = [\"GET https://a.example/b\"]");
        assert_eq!(after.beyond(&before), ["go: scope w of s", "go: service t", "go: GET https://a.example/b"]);
        assert!(before.beyond(&after).is_empty());
        let worlds = BTreeSet::from([World::WasiHttp, World::NearAgent]);
        let imports = Granted { imports: worlds, ..before.clone() };
        assert_eq!(imports.beyond(&before), ["import near:agent", "import wasi:http"]);
        assert!(before.beyond(&imports).is_empty());
    }

    #[test]
    fn a_newer_format_and_unknown_keys_are_refused() {
        assert_eq!(read("format = 2\n").unwrap_err().code, Code::BadConfig);
        assert_eq!(read("format = 1\nallow_all = true\n").unwrap_err().code, Code::BadConfig);
        assert!(read("format = 1\n").unwrap().is_empty());
    }
}
