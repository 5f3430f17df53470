//! What each granted component says of itself, kept by digest: reading 1,000 components to list them would take seconds.
//!
//! The index lies in the state folder, as trusted as the grants beside it. It can be deleted at any time, and is made anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use hotcell_protocol::Description;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use serde::Deserialize;
use serde::Serialize;

use crate::Ask;
use crate::Granted;
use crate::Host;
use crate::Manifest;
use crate::Texts;
use crate::embedded;
use crate::folders;

/// The file's name in the state folder.
const FILE: &str = "described.json";
/// 10,000 tools have about 30 MB.
const FILE_BYTES: usize = 128 * 1024 * 1024;

/// A component's actions, and what its manifest says of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Described {
    /// Imports and actions, from the component's types.
    pub(super) description: Description,
    /// What the tool does, in its author's words.
    pub(super) about: String,
    /// What each action does, where the author says it.
    pub(super) about_actions: BTreeMap<String, About>,
}

/// What the author says of an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// What it does; may be empty.
    pub(super) description: String,
    /// What its parameters are.
    pub(super) parameters: Texts,
    /// What its result is.
    pub(super) returns: Texts,
}

/// Descriptions by digest.
pub(super) type Index = BTreeMap<Digest, Arc<Described>>;

/// The file. Another version may read components in another way, so it reads them anew.
#[derive(Serialize, Deserialize)]
struct File {
    version: String,
    tools: Index,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The descriptions of all these grants: those known already, those in the file, and the rest read from the components.
/// A component that cannot be read is left out, and the log says so.
pub(super) fn all<'a>(host: &Host, grants: impl Iterator<Item = &'a Granted>, mut known: Index) -> Index {
    let mut from_file = known.is_empty();
    let (mut index, mut added) = (Index::new(), false);
    for granted in grants {
        if !known.contains_key(&granted.digest) && std::mem::take(&mut from_file) {
            known = read(host);
        }
        let described = match known.remove(&granted.digest) {
            Some(described) => described,
            None => match describe(host, granted) {
                Ok(described) => {
                    added = true;
                    Arc::new(described)
                }
                Err(refusal) => {
                    tracing::warn!(tool = granted.name, code = refusal.code.as_str(), "not listed: {refusal}");
                    continue;
                }
            },
        };
        index.insert(granted.digest, described);
    }
    if added && let Err(refusal) = write(host, &index) {
        tracing::warn!(code = refusal.code.as_str(), "descriptions are not kept: {refusal}");
    }
    index
}

fn describe(host: &Host, granted: &Granted) -> Result<Described, Refusal> {
    let bytes = host.catalog().component(granted)?;
    let manifest = embedded(&bytes)?.map(|text| Manifest::parse(text, "the embedded manifest")).transpose()?;
    let description = host.describe_granted(granted, bytes)?;
    let (about, actions) = manifest.map(|manifest| (manifest.description, manifest.actions)).unwrap_or_default();
    let about_of = |ask: Ask| About { description: ask.description, parameters: ask.parameters, returns: ask.returns };
    let about_actions = actions.into_iter().map(|(name, ask)| (name, about_of(ask)));
    let about_actions = about_actions.filter(|(_, about)| *about != About::default()).collect();
    Ok(Described { description, about, about_actions })
}

/// The file's index; an empty one if there is none, or if another version wrote it.
fn read(host: &Host) -> Index {
    let bytes = folders::read_file(host.state(), FILE, FILE_BYTES).ok().flatten();
    let file = bytes.and_then(|bytes| serde_json::from_slice::<File>(&bytes).ok());
    file.filter(|file| file.version == VERSION).map(|file| file.tools).unwrap_or_default()
}

fn write(host: &Host, index: &Index) -> Result<(), Refusal> {
    let file = File { version: VERSION.to_owned(), tools: index.clone() };
    let bytes = serde_json::to_vec(&file).map_err(|_| Refusal::internal("descriptions have no JSON form"))?;
    folders::replace_file(host.state(), FILE, &bytes)
}
