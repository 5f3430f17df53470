//! The import allow-list. Read from the component's own import section, before anything else of it is looked at.

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use wasmparser::ComponentTypeRef;
use wasmparser::Parser;
use wasmparser::Payload;

/// Interfaces of `hotcell:tool`, version 0.1.
const OURS: [&str; 3] = ["http", "log", "progress"];

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
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
];

/// The import names of a component, sorted, if all of them are allowed.
pub(super) fn check(bytes: &[u8], inert: &[String]) -> Result<Vec<String>, Refusal> {
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
                    let name = import.name.name;
                    match import.ty {
                        // A type that the component's own interfaces share; it brings nothing in.
                        ComponentTypeRef::Type(_) => continue,
                        ComponentTypeRef::Instance(_) => allow(name, inert)?,
                        _ => return Err(not_an_interface(name)),
                    }
                    names.push(name.to_owned());
                    if names.len() > limits::IMPORTS {
                        return Err(Refusal::new(
                            Code::ImportNotAllowed,
                            format!("the component has more than {} imports", limits::IMPORTS),
                            "import only hotcell:tool and what the language runtime needs",
                        ));
                    }
                }
            }
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}

fn broken(error: &wasmparser::BinaryReaderError) -> Refusal {
    Refusal::new(
        Code::BadComponent,
        format!("the component is broken at byte {}: {}", error.offset(), cut(&visible(error.message()), 300)),
        "build it again; a download may have been cut short",
    )
}

fn not_an_interface(name: &str) -> Refusal {
    Refusal::new(
        Code::ImportNotAllowed,
        format!("the component imports `{}`, which is not an interface", shown(name)),
        "import interfaces of hotcell:tool; a bare function or a module cannot be linked",
    )
}

fn shown(name: &str) -> String {
    cut(&visible(name), 200)
}

fn allow(full: &str, inert: &[String]) -> Result<(), Refusal> {
    let (name, version) = full.split_once('@').unwrap_or((full, ""));
    if WASI.contains(&name) {
        return if version.starts_with("0.2.") { Ok(()) } else { Err(other_version(full, "WASI 0.2")) };
    }
    if let Some(interface) = name.strip_prefix("hotcell:tool/")
        && OURS.contains(&interface)
    {
        return if version == "0.1" || version.starts_with("0.1.") {
            Ok(())
        } else {
            Err(other_version(full, "hotcell:tool@0.1.0"))
        };
    }
    if name.starts_with("wasi:sockets/") && inert.iter().any(|name| name == "wasi:sockets") {
        return if version.starts_with("0.2.") { Ok(()) } else { Err(other_version(full, "WASI 0.2")) };
    }
    Err(refused(full, name))
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
    let instead = if name.starts_with("wasi:http/") {
        "use hotcell:tool/http: the host adds the credential there, and only there"
    } else if name.starts_with("wasi:sockets/") {
        "use hotcell:tool/http; if only a language runtime imports it (componentize-py does, and libraries that use files), put \
         `inert_imports = [\"wasi:sockets\"]` into the manifest: it is then linked, and each call of it fails"
    } else if name.starts_with("wasi:keyvalue/")
        || name.starts_with("wasi:config/")
        || name.starts_with("wasi:filesystem/")
    {
        "take what the tool needs as parameters of its actions: there is no storage and no configuration to read"
    } else if name.starts_with("wasi:logging/") {
        "use hotcell:tool/log"
    } else if name.starts_with("hotcell:") {
        "hotcell:tool@0.1.0 has http, log and progress"
    } else if name == "env" || name.starts_with("wasi_snapshot") {
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
