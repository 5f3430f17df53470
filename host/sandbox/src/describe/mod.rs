//! Reads what a component is without compiling or running any of it: imports, actions, types, declared sizes.

mod imports;
mod types;
mod validate;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use hotcell_protocol::Action;
use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use wit_component::DecodedWasm;
use wit_parser::Function;
use wit_parser::FunctionKind;
use wit_parser::Resolve;
use wit_parser::WorldId;
use wit_parser::WorldItem;
use wit_parser::WorldKey;

/// The first bytes of every WebAssembly file.
const MAGIC: [u8; 4] = *b"\0asm";
/// What follows in a component (Component Model, "Binary Format", preamble).
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];
/// What follows in a core module.
const CORE_MODULE: [u8; 4] = [1, 0, 0, 0];

/// Whether the bytes begin as a component does.
#[must_use]
pub fn is_component(bytes: &[u8]) -> bool {
    bytes.get(..4) == Some(&MAGIC) && bytes.get(4..8) == Some(&COMPONENT)
}

/// Refuses what does not begin as a component does, and says what it is instead.
///
/// # Errors
/// [`Code::BadComponent`].
pub fn require_component(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > limits::COMPONENT_BYTES {
        return Err(bad(
            format!("the file has more than {} bytes", limits::COMPONENT_BYTES),
            "build in release mode and strip debug information",
        ));
    }
    if is_component(bytes) {
        return Ok(());
    }
    let (what, repair) = match (bytes.get(..4), bytes.get(4..8)) {
        (None, _) => {
            ("the file is empty or has fewer than four bytes", "build it again; a download may have been cut short")
        }
        (Some(magic), Some(version)) if magic == MAGIC && version == CORE_MODULE => (
            "the file is a core WebAssembly module, not a component",
            "build for wasm32-wasip2 (cargo build --target wasm32-wasip2), or run: wasm-tools component new FILE",
        ),
        (Some(magic), None) if magic == MAGIC => {
            ("the file ends after its first bytes", "build it again; a download may have been cut short")
        }
        (Some(magic), _) if magic == MAGIC => (
            "the file is WebAssembly of an unknown version",
            "build it with tools for the WebAssembly component model 1.0",
        ),
        _ => ("the file is not WebAssembly", "name the .wasm file that your build made"),
    };
    Err(bad(what, repair))
}

/// Reads a component's imports and actions. `imports` is what it may import beyond what every tool may.
///
/// # Errors
/// [`Code::BadComponent`] for what is no usable component; [`Code::ImportNotAllowed`] naming the first import that Hotcell
/// does not link; [`Code::MemoryExceeded`] for one that declares more than a call may have.
pub fn describe(bytes: &[u8], imports: &Imports) -> Result<Description, Refusal> {
    require_component(bytes)?;
    // The decoders of types have some fifty places where they would rather panic than be wrong. No input is known that
    // reaches one; if there is, it is a mistake in the file and not the end of the host (promise P7).
    catch_unwind(AssertUnwindSafe(|| read(bytes, imports)))
        .unwrap_or_else(|_| Err(bad("the component cannot be read", "build it again with current tools")))
}

fn read(bytes: &[u8], imports: &Imports) -> Result<Description, Refusal> {
    let imports = imports::check(bytes, imports)?;
    validate::check(bytes)?;
    let (resolve, world) = decode(bytes)?;
    let actions = actions(&resolve, world)?;
    Ok(Description { imports, actions })
}

/// Reads the component's types.
fn decode(bytes: &[u8]) -> Result<(Resolve, WorldId), Refusal> {
    match wit_component::decode(bytes) {
        Ok(DecodedWasm::Component(resolve, world)) => Ok((resolve, world)),
        Ok(DecodedWasm::WitPackage(..)) => {
            Err(bad("the file is a WIT package without code", "name the built component"))
        }
        Err(error) => Err(bad(
            format!("the component's types cannot be read: {}", cut(&visible(&error.root_cause().to_string()), 300)),
            "build it again with current tools",
        )),
    }
}

/// Every exported function, by name.
fn actions(resolve: &Resolve, world: WorldId) -> Result<Vec<Action>, Refusal> {
    let world = resolve.worlds.get(world).ok_or_else(|| bad("the component has no world", "build it again"))?;
    let mut reader = types::Reader::new(resolve);
    let mut actions = Vec::new();
    for (key, item) in &world.exports {
        match item {
            WorldItem::Function(function) => actions.push(action(&mut reader, None, None, function)?),
            WorldItem::Interface { id, .. } => {
                let full = full_name(resolve, key);
                if is_internal(&full) {
                    continue;
                }
                let interface =
                    resolve.interfaces.get(*id).ok_or_else(|| bad("an export has no interface", "build it again"))?;
                let short = short_name(&full, &world.exports, resolve);
                for function in interface.functions.values() {
                    actions.push(action(&mut reader, Some(&short), Some(&full), function)?);
                }
            }
            WorldItem::Type { .. } => {}
        }
    }
    if actions.is_empty() {
        return Err(nothing_to_call(world.exports.keys().map(|key| full_name(resolve, key))));
    }
    if actions.len() > limits::ACTIONS {
        return Err(bad(
            format!("the component exports more than {} functions", limits::ACTIONS),
            "split it into several tools",
        ));
    }
    actions.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(actions)
}

/// A program that is started or that serves is a whole program to other hosts, and has no function that could be called here.
fn nothing_to_call(exports: impl Iterator<Item = String>) -> Refusal {
    let exports: Vec<_> = exports.collect();
    let has = |package: &str| exports.iter().any(|name| name.starts_with(package));
    let repair = "export the work as plain functions in its WIT world: each becomes an action";
    if has("wasi:http/incoming-handler") {
        bad("the component is a server: it exports wasi:http/incoming-handler alone, which nobody asks here", repair)
    } else if has("wasi:cli/run") {
        bad("the component is a command-line program: it exports wasi:cli/run alone, which nobody starts here", repair)
    } else {
        bad("the component exports no function, so there is nothing to call", "export a function in its WIT world")
    }
}

fn full_name(resolve: &Resolve, key: &WorldKey) -> String {
    match key {
        WorldKey::Name(name) => name.clone(),
        WorldKey::Interface(id) => resolve.id_of(*id).unwrap_or_default(),
    }
}

/// Whether an exported interface is no tool's: WASI's own are for runtimes, and componentize-py exports an internal
/// interface `exports` beside the author's.
fn is_internal(full: &str) -> bool {
    full.starts_with("wasi:") || full == "exports"
}

/// `api` for `acme:issues/api@1.0.0`, unless another exported interface has the same short name.
fn short_name<'a>(
    full: &str,
    exports: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
    resolve: &Resolve,
) -> String {
    fn short(full: &str) -> &str {
        let after = full.rsplit('/').next().unwrap_or_default();
        after.split('@').next().unwrap_or_default()
    }
    let interfaces = exports.into_iter().filter(|(_, item)| matches!(item, WorldItem::Interface { .. }));
    let names = interfaces.map(|(key, _)| full_name(resolve, key)).filter(|name| !is_internal(name));
    let same = names.filter(|name| short(name) == short(full)).count();
    if same > 1 { full.to_owned() } else { short(full).to_owned() }
}

fn action(
    reader: &mut types::Reader<'_>,
    short: Option<&str>,
    full: Option<&str>,
    function: &Function,
) -> Result<Action, Refusal> {
    let name = short.map_or_else(|| function.name.clone(), |short| format!("{short}.{}", function.name));
    match function.kind {
        FunctionKind::Freestanding => {}
        FunctionKind::AsyncFreestanding => {
            return Err(bad(format!("`{name}` is an async function"), "export it as an ordinary function"));
        }
        _ => {
            return Err(bad(
                format!("`{name}` belongs to a resource, which JSON cannot carry"),
                "export plain functions over records and lists",
            ));
        }
    }
    let parameters = function
        .params
        .iter()
        .map(|parameter| reader.field(&name, &parameter.name, &parameter.ty))
        .collect::<Result<_, _>>()?;
    let result = function.result.as_ref().map(|kind| reader.read(&name, kind, 0)).transpose()?;
    Ok(Action { name, interface: full.map(str::to_owned), function: function.name.clone(), parameters, result })
}

fn broken(error: &wasmparser::BinaryReaderError) -> Refusal {
    bad(
        format!("the component is broken at byte {}: {}", error.offset(), cut(&visible(error.message()), 300)),
        "build it again; a download may have been cut short",
    )
}

fn bad(what: impl Into<String>, repair: &str) -> Refusal {
    Refusal::new(Code::BadComponent, what, repair)
}
