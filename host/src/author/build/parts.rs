//! A component taken apart: what the code says of its actions (the section `hotcell:actions`), and what nobody needs to run it.

use std::borrow::Cow;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use wasm_encoder::CustomSection;
use wasm_encoder::Section as _;
use wasmparser::BinaryReader;
use wasmparser::BinaryReaderError;

/// The section in which `#[hotcell::tool]` writes docs and scopes: TOML, pieces separated by line ends.
const ACTIONS: &str = "hotcell:actions";
/// A file's first eight bytes: magic number and version with layer (Component Model, "Binary Format").
const HEAD: usize = 8;
/// What the layer is in a component.
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];
/// Ids of sections: a custom one in both forms; a core module and a component within a component.
const CUSTOM: u8 = 0;
const MODULE: u8 = 1;
const NESTED: u8 = 4;
/// Components within components. Compositions have two or three.
const MOST_DEPTH: usize = 16;

/// A component taken apart.
pub(super) struct Parts {
    /// Without what nobody needs to run it.
    pub(super) component: Vec<u8>,
    /// The pieces of the section, joined.
    pub(super) actions: String,
    /// Bytes that were left out.
    pub(super) left_out: usize,
}

/// Takes a component apart.
///
/// # Errors
/// [`Code::BadComponent`] if it is broken, or the section is not text.
pub(super) fn taken_apart(component: &[u8]) -> Result<Parts, Refusal> {
    let mut actions = Vec::new();
    let lean = lean(component, &mut actions, 0).map_err(|error| {
        Refusal::new(
            Code::BadComponent,
            format!("the builder made a broken component: {} at byte {}", error.message(), error.offset()),
            "build it again with current tools",
        )
    })?;
    let text = String::from_utf8(actions).map_err(|_| {
        Refusal::new(Code::BadComponent, format!("its section {ACTIONS} is not UTF-8"), "build it again")
    })?;
    Ok(Parts { left_out: component.len().saturating_sub(lean.len()), component: lean, actions: text })
}

fn lean(bytes: &[u8], actions: &mut Vec<u8>, depth: usize) -> Result<Vec<u8>, BinaryReaderError> {
    let mut reader = BinaryReader::new(bytes, 0);
    let head = reader.read_bytes(HEAD)?;
    let is_component = head.ends_with(&COMPONENT);
    let mut out = head.to_vec();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let content = reader.read_bytes(usize::try_from(size).unwrap_or(usize::MAX))?;
        match id {
            CUSTOM => custom(content, actions, &mut out)?,
            MODULE | NESTED if is_component && depth < MOST_DEPTH => {
                section(id, &lean(content, actions, depth + 1)?, &mut out);
            }
            _ => section(id, content, &mut out),
        }
    }
    Ok(out)
}

fn section(id: u8, data: &[u8], out: &mut Vec<u8>) {
    wasm_encoder::RawSection { id, data }.append_to(out);
}

/// Keeps a custom section, unless it is about debugging, about who built it, or ours.
fn custom(content: &[u8], actions: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), BinaryReaderError> {
    let mut reader = BinaryReader::new(content, 0);
    let name = reader.read_string()?;
    let data = reader.read_bytes(reader.bytes_remaining())?;
    if name == ACTIONS {
        actions.extend(data);
        actions.push(b'\n');
    } else if !is_needless(name) {
        CustomSection { name: Cow::Borrowed(name), data: Cow::Borrowed(data) }.append_to(out);
    }
    Ok(())
}

/// What stands in a file for people with a debugger: names, DWARF, source maps, and lists of the tools that made it.
fn is_needless(name: &str) -> bool {
    let names = ["component-name", "external_debug_info", "name", "producers", "sourceMappingURL", "target_features"];
    names.contains(&name) || name.starts_with(".debug") || name.starts_with("reloc..debug")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, data: &[u8], mut bytes: Vec<u8>) -> Vec<u8> {
        CustomSection { name: name.into(), data: data.into() }.append_to(&mut bytes);
        bytes
    }

    fn module() -> Vec<u8> {
        let module = wasm_encoder::Module::new().finish();
        let module = with(".debug_info", &[1; 5_000], with("name", b"\0", module));
        with("kept", b"me", with(ACTIONS, b"[actions.\"b\"]", with(ACTIONS, b"[actions.\"a\"]", module)))
    }

    fn around(inner: &[u8], id: u8) -> Vec<u8> {
        let mut outer = wasm_encoder::Component::new().finish();
        section(id, inner, &mut outer);
        outer
    }

    #[test]
    fn what_the_code_says_is_found_in_its_modules_and_taken_out_with_what_nobody_needs() {
        let component = around(&around(&module(), MODULE), NESTED);
        let parts = taken_apart(&with("producers", &[7; 100], component)).unwrap();
        assert_eq!(parts.actions, "[actions.\"a\"]\n[actions.\"b\"]\n");
        assert!(parts.left_out > 5_100, "{}", parts.left_out);
        let text = String::from_utf8_lossy(&parts.component).into_owned();
        assert!(text.contains("kept") && !text.contains("debug") && !text.contains("actions"), "{text}");
        wasmparser::validate(&parts.component).unwrap();
        let again = taken_apart(&parts.component).unwrap();
        assert_eq!((again.component, again.left_out), (parts.component, 0), "nothing is left to take");
    }

    #[test]
    fn a_cut_component_is_refused_wherever_it_is_cut() {
        let whole = around(&module(), MODULE);
        for length in 0..whole.len() {
            // Cut between two sections it is whole again, and shorter.
            if let Ok(parts) = taken_apart(&whole[..length]) {
                assert_eq!(length, HEAD, "{length}");
                assert!(parts.actions.is_empty());
            }
        }
    }
}
