//! The manifest inside the component: one custom section, so that one digest covers both.

use std::borrow::Cow;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use wasm_encoder::Section as _;
use wasmparser::Parser;
use wasmparser::Payload;

/// The custom section's name.
const SECTION: &str = "hotcell:manifest";

/// The manifest text that a component carries, if it carries one.
///
/// # Errors
/// [`Code::BadComponent`] for bytes that are no WebAssembly, for two manifests, and for one that is not UTF-8.
pub fn embedded(component: &[u8]) -> Result<Option<&str>, Refusal> {
    let mut found = None;
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| {
            Refusal::new(
                Code::BadComponent,
                format!("the file is not whole WebAssembly: {} at byte {}", error.message(), error.offset()),
                "build it again; a download may have been cut short",
            )
        })?;
        match payload {
            // Sections of parts that were composed into the component are not the component's own words (threat I5).
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section)
                if depth == 0 && section.name() == SECTION && found.replace(section.data()).is_some() =>
            {
                return Err(two_manifests());
            }
            _ => {}
        }
    }
    found
        .map(|data| {
            std::str::from_utf8(data)
                .map_err(|_| Refusal::new(Code::BadComponent, "the embedded manifest is not UTF-8", "pack it again"))
        })
        .transpose()
}

/// The component with the manifest text in it.
///
/// # Errors
/// [`Code::BadComponent`] if it has a manifest already.
pub fn with_manifest(component: &[u8], manifest: &str) -> Result<Vec<u8>, Refusal> {
    if embedded(component)?.is_some() {
        return Err(two_manifests());
    }
    Ok([component, &section(manifest)].concat())
}

/// The component as it was before [`with_manifest`] put this manifest in; `None` where something else did.
pub(crate) fn before<'a>(packed: &'a [u8], manifest: &str) -> Option<&'a [u8]> {
    packed.strip_suffix(section(manifest).as_slice())
}

fn section(manifest: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let data = Cow::Borrowed(manifest.as_bytes());
    wasm_encoder::CustomSection { name: Cow::Borrowed(SECTION), data }.append_to(&mut bytes);
    bytes
}

fn two_manifests() -> Refusal {
    Refusal::new(
        Code::BadComponent,
        "there are two manifests: it would not be clear which one a person agrees to",
        "leave out --manifest for a component that carries its own",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component() -> Vec<u8> {
        wasm_encoder::Component::new().finish()
    }

    #[test]
    fn what_was_packed_is_found() {
        let packed = with_manifest(&component(), "name = \"a\"").unwrap();
        assert_eq!(embedded(&packed).unwrap(), Some("name = \"a\""));
        assert_eq!(before(&packed, "name = \"a\""), Some(component().as_slice()));
        assert_eq!(before(&packed, "name = \"b\""), None);
        assert_eq!(embedded(&component()).unwrap(), None);
    }

    #[test]
    fn i5_a_manifest_of_a_nested_part_is_not_the_tools() {
        let inner = with_manifest(&component(), "name = \"inner\"").unwrap();
        let mut outer = component();
        wasm_encoder::RawSection { id: wasm_encoder::ComponentSectionId::Component as u8, data: &inner }
            .append_to(&mut outer);
        assert_eq!(embedded(&outer).unwrap(), None);
        let packed = with_manifest(&outer, "name = \"outer\"").unwrap();
        assert_eq!(embedded(&packed).unwrap(), Some("name = \"outer\""));
    }

    #[test]
    fn two_manifests_are_refused() {
        let packed = with_manifest(&component(), "a").unwrap();
        assert_eq!(with_manifest(&packed, "b").unwrap_err().code, Code::BadComponent);
        let mut twice = packed.clone();
        twice.extend(&packed[component().len()..]);
        assert_eq!(embedded(&twice).unwrap_err().code, Code::BadComponent);
    }

    #[test]
    fn a_cut_file_is_refused() {
        let packed = with_manifest(&component(), "name = \"a\"").unwrap();
        assert_eq!(embedded(&packed[..packed.len() - 3]).unwrap_err().code, Code::BadComponent);
    }
}
