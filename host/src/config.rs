//! The operator's `config.toml`: services, limits, network.

use std::time::Duration;

use cap_std::fs::Dir;
use hotcell_gate::Services;
use hotcell_protocol::Code;
use hotcell_protocol::Limits;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use serde::Deserialize;

use crate::catalog::toml_mistake;
use crate::folders;

/// The file's name in the config folder.
pub(crate) const FILE: &str = "config.toml";
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
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    deadline_seconds: Option<u64>,
    cpu_seconds: Option<u64>,
    memory_mib: Option<usize>,
    requests: Option<u32>,
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
        Ok(Self { services: Services::parse(&text, FILE)?, limits: raw.limits.read()?, extra_roots })
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
    fn read(&self) -> Result<Limits, Refusal> {
        let default = Limits::default();
        Ok(Limits {
            deadline: seconds("limits.deadline_seconds", self.deadline_seconds, default.deadline)?,
            cpu_time: seconds("limits.cpu_seconds", self.cpu_seconds, default.cpu_time)?,
            memory_bytes: match self.memory_mib {
                None => default.memory_bytes,
                Some(mib @ 1..=1024) if mib * 1024 * 1024 <= limits::MEMORY_BYTES => mib * 1024 * 1024,
                Some(_) => {
                    return Err(out_of_range(
                        "limits.memory_mib",
                        &format!("1 to {}", limits::MEMORY_BYTES / 1024 / 1024),
                    ));
                }
            },
            requests: match self.requests {
                None => default.requests,
                Some(count @ 0..=10_000) => count,
                Some(_) => return Err(out_of_range("limits.requests", "0 to 10000")),
            },
            ..default
        })
    }
}

fn seconds(field: &str, value: Option<u64>, default: Duration) -> Result<Duration, Refusal> {
    match value {
        None => Ok(default),
        Some(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err(out_of_range(field, "1 to 3600")),
    }
}

fn out_of_range(field: &str, range: &str) -> Refusal {
    Refusal::new(Code::BadConfig, format!("config.toml: `{field}` is out of range"), format!("use {range}"))
}
