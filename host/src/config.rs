//! The operator's `config.toml`: services, limits, network.

mod authorization;
pub(crate) mod variables;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use cap_std::fs::Dir;
use hotcell_gate::Services;
use hotcell_protocol::Code;
use hotcell_protocol::Limits;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use serde::Deserialize;

use crate::catalog::place;
use crate::catalog::toml_mistake;
use crate::folders;
use crate::guests::Isolation;
pub(crate) use authorization::Authorization;
pub(crate) use variables::Variables;

/// The file's name in the config folder.
pub(crate) const FILE: &str = "config.toml";
const MIB: usize = 1024 * 1024;
const FILE_BYTES: usize = 1024 * 1024;

/// What the operator decided.
#[derive(Default)]
pub struct Config {
    /// Services: where each credential may go, and for what.
    pub services: Services,
    /// Limits of a call.
    pub limits: Limits,
    /// Certificate authorities trusted besides the bundled ones, in PEM form.
    pub extra_roots: Option<Vec<u8>>,
    /// How agents are served.
    pub serve: Serve,
    /// Who shares a process with whom.
    pub isolation: Isolation,
    /// What tools without code take from the operator, by the tool's name.
    pub(crate) variables: BTreeMap<String, Variables>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSandbox {
    #[serde(default)]
    isolation: Isolation,
}

/// `[serve]`: how agents are served over MCP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// What happens to a call that may change something.
    #[serde(default)]
    pub writes: Writes,
    /// Names, besides those of loopback, under which the HTTP server may be asked for: `hotcell.example.com`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Origins of browser pages that may talk to the HTTP server: `https://app.example.com`. Empty: none.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Who says who calls over HTTP: then each caller is a user with tokens of their own. `None`: one bearer token, one user.
    pub authorization: Option<Authorization>,
}

/// What happens to a call of an agent that may change something: its action holds a rule with POST, PUT, PATCH or DELETE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writes {
    /// A person is asked through the client; where the client cannot ask, the call is refused.
    #[default]
    Ask,
    /// It runs: the operator relies on the client's own questions.
    Allow,
    /// It is refused.
    Deny,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// Read by the gate.
    #[serde(default, rename = "service")]
    _service: toml::Table,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    network: RawNetwork,
    #[serde(default)]
    sandbox: RawSandbox,
    #[serde(default)]
    serve: Serve,
    #[serde(default)]
    tool: BTreeMap<String, RawTool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTool {
    #[serde(default)]
    variables: variables::Raw,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    deadline_seconds: Option<toml::Spanned<u64>>,
    cpu_seconds: Option<toml::Spanned<u64>>,
    memory_mib: Option<toml::Spanned<u64>>,
    requests: Option<toml::Spanned<u64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNetwork {
    /// A PEM file in the config folder.
    extra_roots: Option<String>,
}

impl Config {
    /// Reads the file of a config folder; a missing file is an empty configuration.
    ///
    /// # Errors
    /// [`Code::BadConfig`] with line, column and repair.
    pub fn load(folder: &Dir) -> Result<Self, Refusal> {
        let Some(bytes) = folders::read_file(folder, FILE, FILE_BYTES)? else {
            return Ok(Self::default());
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| Refusal::new(Code::BadConfig, "config.toml is not UTF-8", "save it as UTF-8"))?;
        let raw: Raw = toml::from_str(&text).map_err(|error| toml_mistake(&text, FILE, &error))?;
        let extra_roots = raw.network.extra_roots.map(|name| roots(folder, &name)).transpose()?;
        let services = Services::parse(&text, FILE)?;
        Ok(Self {
            services,
            limits: raw.limits.read(&text)?,
            extra_roots,
            serve: raw.serve,
            isolation: raw.sandbox.isolation,
            variables: raw
                .tool
                .into_iter()
                .map(|(name, tool)| variables::read(&text, FILE, tool.variables).map(|variables| (name, variables)))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn roots(folder: &Dir, name: &str) -> Result<Vec<u8>, Refusal> {
    folders::read_file(folder, name, FILE_BYTES)?.ok_or_else(|| {
        Refusal::new(
            Code::BadConfig,
            format!("config.toml: `network.extra_roots` names {name}, which is not in the config folder"),
            "put the PEM file beside config.toml",
        )
    })
}

impl RawLimits {
    fn read(&self, text: &str) -> Result<Limits, Refusal> {
        let default = Limits::default();
        let number = |field: &str, value: &Option<toml::Spanned<u64>>, range: RangeInclusive<u64>| match value {
            None => Ok(None),
            Some(value) if range.contains(value.get_ref()) => Ok(Some(*value.get_ref())),
            Some(value) => Err(out_of_range(text, field, value.span().start, &range)),
        };
        let seconds = |field: &str, value: &Option<toml::Spanned<u64>>, default: Duration| {
            number(field, value, 1..=3600).map(|seconds| seconds.map_or(default, Duration::from_secs))
        };
        let most_mib = u64::try_from(limits::MEMORY_BYTES / MIB).unwrap_or(u64::MAX);
        let memory = number("limits.memory_mib", &self.memory_mib, 1..=most_mib)?;
        let requests = number("limits.requests", &self.requests, 0..=10_000)?;
        Ok(Limits {
            deadline: seconds("limits.deadline_seconds", &self.deadline_seconds, default.deadline)?,
            cpu_time: seconds("limits.cpu_seconds", &self.cpu_seconds, default.cpu_time)?,
            memory_bytes: memory
                .and_then(|mib| usize::try_from(mib).ok())
                .map_or(default.memory_bytes, |mib| mib * MIB),
            requests: requests.and_then(|count| u32::try_from(count).ok()).unwrap_or(default.requests),
            ..default
        })
    }
}

fn out_of_range(text: &str, field: &str, start: usize, range: &RangeInclusive<u64>) -> Refusal {
    Refusal::new(
        Code::BadConfig,
        format!("{}: `{field}` is out of range", place(text, FILE, start)),
        format!("use {} to {}", range.start(), range.end()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits_of(text: &str) -> Result<Limits, Refusal> {
        let raw: Raw = toml::from_str(text).unwrap();
        raw.limits.read(text)
    }

    #[test]
    fn limits_are_read_and_what_is_out_of_range_is_named_with_its_place() {
        let limits = limits_of("[limits]\nmemory_mib = 5\nrequests = 0\ndeadline_seconds = 7\n").unwrap();
        assert_eq!((limits.memory_bytes, limits.requests, limits.deadline), (5 * MIB, 0, Duration::from_secs(7)));
        assert_eq!(limits_of("").unwrap(), Limits::default());
        for (key, range) in [("memory_mib", "1 to 64"), ("requests", "0 to 10000"), ("cpu_seconds", "1 to 3600")] {
            let refusal = limits_of(&format!("[limits]\n  {key} = 99999\n")).unwrap_err();
            assert!(refusal.message.starts_with("config.toml, line 2, column "), "{}", refusal.message);
            assert!(refusal.message.contains(key) && refusal.hint.contains(range), "{refusal:?}");
        }
    }
}
