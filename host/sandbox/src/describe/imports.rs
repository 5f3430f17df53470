//! The import allow-list. Read from the component's own import section, before anything else of it is looked at.

use hotcell_protocol::Code;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_protocol::World;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use wasmparser::ComponentImport;
use wasmparser::ComponentTypeRef;
use wasmparser::Parser;
use wasmparser::Payload;
use wasmparser::TypeBounds;

use super::broken;

/// Interfaces of `hotcell:tool`, version 0.1.
const OURS: [&str; 3] = ["hotcell:tool/http", "hotcell:tool/log", "hotcell:tool/progress"];

/// Interfaces of WASI 0.2 that are linked, with nothing in them.
const WASI: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Interfaces of WASI 0.2 that are linked dead, and only for a tool whose manifest names them.
const SOCKETS: [&str; 7] = [
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Interfaces of WASI 0.2's HTTP that are linked to the gate, and only for a tool whose grant says so (threat A2).
const WASI_HTTP: [&str; 2] = ["wasi:http/outgoing-handler", "wasi:http/types"];

/// The interface of IronClaw's tools, linked to the gate under the same condition. That host runs one version alone, and its
/// versions differ in their types.
const NEAR_AGENT: (&str, &str) = ("near:agent/host", "0.4.1");

/// The import names of a component, sorted, if all of them are allowed.
pub(super) fn check(bytes: &[u8], imports: &Imports) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    // Parts inside the component are not looked at here: what they import, the component gives them, and it can
    // only give what it imports itself (threat I5).
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| broken(&error))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(|error| broken(&error))?;
                    names.extend(checked(&import, imports)?);
                    if names.len() > limits::IMPORTS {
                        return Err(too_many());
                    }
                }
            }
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}

/// The name of an allowed interface; `None` for a type that the component's own interfaces share: it brings nothing in.
fn checked(import: &ComponentImport<'_>, imports: &Imports) -> Result<Option<String>, Refusal> {
    let name = import.name.name;
    match import.ty {
        ComponentTypeRef::Type(TypeBounds::Eq(_)) => Ok(None),
        ComponentTypeRef::Instance(_) => allow(name, imports).map(|()| Some(name.to_owned())),
        _ => Err(not_an_interface(name)),
    }
}

fn allow(full: &str, imports: &Imports) -> Result<(), Refusal> {
    let (name, version) = full.split_once('@').unwrap_or((full, ""));
    let dead = SOCKETS.contains(&name) && imports.inert.iter().any(|name| name == "wasi:sockets");
    let http = WASI_HTTP.contains(&name) && imports.worlds.contains(&World::WasiHttp);
    if WASI.contains(&name) || dead || http {
        return if is_patch_of("0.2", version) { Ok(()) } else { Err(other_version(full, "WASI 0.2")) };
    }
    if OURS.contains(&name) {
        return if is_patch_of("0.1", version) { Ok(()) } else { Err(other_version(full, "hotcell:tool@0.1.0")) };
    }
    if name == NEAR_AGENT.0 && imports.worlds.contains(&World::NearAgent) {
        let exists = format!("{}@{}", NEAR_AGENT.0, NEAR_AGENT.1);
        return if version == NEAR_AGENT.1 { Ok(()) } else { Err(other_version(full, &exists)) };
    }
    Err(refused(full, name))
}

/// Whether `version` is `track` and a patch number: what the engine's linker takes for compatible. No pre-release.
fn is_patch_of(track: &str, version: &str) -> bool {
    let patch = version.strip_prefix(track).and_then(|rest| rest.strip_prefix('.'));
    patch.is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

fn too_many() -> Refusal {
    Refusal::new(
        Code::ImportNotAllowed,
        format!("the component has more than {} imports", limits::IMPORTS),
        "import only hotcell:tool and what the language runtime needs",
    )
}

fn not_an_interface(name: &str) -> Refusal {
    Refusal::new(
        Code::ImportNotAllowed,
        format!("the component imports `{}`, which is not an interface", shown(name)),
        "import interfaces of hotcell:tool; a bare function, type or module cannot be linked",
    )
}

fn other_version(full: &str, exists: &str) -> Refusal {
    Refusal::new(
        Code::ImportNotAllowed,
        format!("the component imports `{}`, a version that this host does not link", shown(full)),
        format!("build it for {exists}"),
    )
}

/// A refused import, and what to use instead.
fn refused(full: &str, name: &str) -> Refusal {
    let instead = if WASI_HTTP.contains(&name) {
        "use hotcell:tool/http; for a program that uses `fetch` or another client of WASI, put `imports = [\"wasi:http\"]` into \
         the manifest: its requests then go through the same gate, which adds the credential"
    } else if name.starts_with("wasi:http/") {
        "use hotcell:tool/http, or of wasi:http 0.2 the client's half (types, outgoing-handler) with `imports = [\"wasi:http\"]` in \
         the manifest: a tool is called, it does not serve"
    } else if name == NEAR_AGENT.0 {
        "use hotcell:tool/http; for a tool of the world near:agent/sandboxed-tool@0.4.1, put `imports = [\"near:agent\"]` into the \
         manifest: its requests then go through the same gate, which adds the credential"
    } else if name.starts_with("wasi:sockets/") {
        "use hotcell:tool/http; if only a language runtime imports it (componentize-py does, and libraries that use files), put \
         `inert_imports = [\"wasi:sockets\"]` into the manifest: it is then linked, and each call of it fails"
    } else if ["wasi:keyvalue/", "wasi:config/", "wasi:filesystem/", "wasi:blobstore/"]
        .iter()
        .any(|p| name.starts_with(p))
    {
        "take what the tool needs as parameters of its actions: there is no storage and no configuration to read"
    } else if name.starts_with("wasi:logging/") {
        "use hotcell:tool/log"
    } else if name.starts_with("hotcell:") {
        "hotcell:tool@0.1.0 has http, log and progress"
    } else if name == "env" || name.starts_with("wasi_snapshot") || name.starts_with("wasi-snapshot") {
        "this is a core module's import: build for wasm32-wasip2"
    } else {
        "a tool may import hotcell:tool/{http, log, progress} and what language runtimes need of WASI 0.2 \
         (cli, clocks, io, random, an empty filesystem)"
    };
    Refusal::new(
        Code::ImportNotAllowed,
        format!("the component imports `{}`, which is not allowed", shown(full)),
        instead,
    )
}

fn shown(name: &str) -> String {
    cut(&visible(name), 200)
}
