//! The catalog: which tools are installed, and what a person granted to each.
//!
//! A component is kept under its digest; a grant names the digest. Bytes are read once, digested, and those same
//! bytes are compiled (threat I1): what changed after the yes does not run.

pub(crate) mod declared;
pub(crate) mod executor;
mod grants;
mod index;
mod manifest;
mod pack;
mod texts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;

use crate::folders;
use crate::folders::ReadOnce;
pub(crate) use crate::folders::Stamp;
pub use declared::Input;
pub use declared::Kind;
pub use executor::Parts;
pub use grants::Granted;
pub use grants::GrantedAction;
use index::Index;
pub use manifest::Ask;
pub use manifest::Manifest;
pub(crate) use manifest::is_name;
pub(crate) use manifest::place;
pub(crate) use manifest::toml_mistake;
pub(crate) use pack::before;
pub use pack::embedded;
pub use pack::with_manifest;
pub use texts::Texts;
pub(crate) use texts::step;

/// The sub-folder that holds components.
const TOOLS: &str = "tools";
/// Held while the grants are read, changed and written.
const LOCK: &str = "grants.lock.lock";

/// A component with its manifest inside, and its digest: what a person is asked about, and what is then kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The component's bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub digest: Digest,
    /// The manifest inside.
    pub manifest: Manifest,
    /// Of what it is made, where the tool has no code of its own.
    pub parts: Option<Parts>,
}

impl Package {
    /// Makes a package of a component and a manifest: the one inside, or the one given.
    ///
    /// # Errors
    /// [`Code::BadComponent`] for both or neither manifest and for broken bytes; [`Code::BadConfig`] for mistakes in the manifest.
    pub fn new(component: Vec<u8>, manifest: Option<(&str, &str)>) -> Result<Self, Refusal> {
        let bytes = match manifest {
            Some((text, file)) => {
                Manifest::parse(text, file)?;
                with_manifest(&component, text)?
            }
            None => component,
        };
        let text = embedded(&bytes)?.ok_or_else(|| {
            Refusal::new(
                Code::BadComponent,
                "the component has no manifest, so nobody can say what it asks for",
                "put hotcell.toml beside it, or name one with --manifest FILE",
            )
        })?;
        let manifest = Manifest::parse(text, "the embedded manifest")?;
        let parts = Parts::of(&bytes, text, &manifest)?;
        let digest = Digest::of(&bytes);
        Ok(Self { bytes, digest, manifest, parts })
    }

    /// What is run: the executor, where the tool has no code of its own. And its digest.
    #[must_use]
    pub fn code(&self) -> (&[u8], Digest) {
        let text = embedded(&self.bytes).ok().flatten().filter(|_| self.parts.is_some());
        let executor = text.and_then(|text| before(&self.bytes, text));
        match (executor, &self.parts) {
            (Some(executor), Some(parts)) => (executor, parts.executor_digest),
            _ => (&self.bytes, self.digest),
        }
    }
}

/// The installed tools.
pub struct Catalog {
    state: Dir,
    tools: Dir,
    /// Grants that were looked for, at one state of them all.
    found: ReadOnce<Mutex<BTreeMap<String, Granted>>>,
}

impl Catalog {
    /// Opens the catalog in the state folder.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] if its folder cannot be made or opened.
    pub fn open(state: &Dir) -> Result<Self, Refusal> {
        let state = state.try_clone().map_err(|_| Refusal::internal("the state folder cannot be opened again"))?;
        let tools = folders::own_subfolder(&state, TOOLS)?;
        Ok(Self { state, tools, found: ReadOnce::default() })
    }

    /// All grants by tool name.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] or [`Code::BadConfig`] if the file cannot be read.
    pub fn grants(&self) -> Result<BTreeMap<String, Granted>, Refusal> {
        let Some(text) = self.text()? else { return Ok(BTreeMap::new()) };
        index::grants_of(&self.state, &text, Index::of(&self.state, &text))
    }

    /// Whether the grants can be read.
    ///
    /// # Errors
    /// As [`Catalog::grants`].
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        match self.text()? {
            Some(text) if !Index::is_of(&self.state, &text) => index::grants_of(&self.state, &text, None).map(drop),
            _ => Ok(()),
        }
    }

    fn text(&self) -> Result<Option<String>, Refusal> {
        let bytes = folders::read_file(&self.state, grants::FILE, limits::GRANTS_BYTES)?;
        bytes
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| Refusal::new(Code::BadConfig, "grants.lock is not UTF-8", "install the tools again"))
    }

    /// What changes whenever the grants do, without reading them: the file is replaced, never written in place.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of(&self.state, grants::FILE)
    }

    /// Tells whether a grant still stands as it is. Cheap as long as nobody changed any.
    pub(crate) fn still(self: Arc<Self>, granted: &Granted) -> Box<dyn Fn() -> bool + Send + Sync> {
        let granted = granted.clone();
        // Nothing was seen yet: the grant was looked up before the tool was loaded, which may have taken a while.
        let seen = Mutex::new(None);
        Box::new(move || {
            let now = self.stamp();
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == Some(now) {
                return true;
            }
            let stands = self.find(&granted.name).is_ok_and(|found| found == granted);
            if stands {
                *seen = Some(now);
            }
            stands
        })
    }

    /// The grant of one tool. What was found before is not read again until the grants change.
    ///
    /// # Errors
    /// [`Code::UnknownTool`] naming what is installed.
    pub fn find(&self, tool: &str) -> Result<Granted, Refusal> {
        let found = self.found.get(&self.state, grants::FILE, || Ok::<_, Refusal>(Mutex::default()))?;
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(granted) = found.get(tool) {
            return Ok(granted.clone());
        }
        let granted = self.read_one(tool)?;
        found.insert(tool.to_owned(), granted.clone());
        Ok(granted)
    }

    fn read_one(&self, tool: &str) -> Result<Granted, Refusal> {
        let Some(text) = self.text()? else { return Err(unknown_tool(tool, &BTreeMap::new())) };
        let index = Index::of(&self.state, &text);
        if let Some(granted) = index.as_ref().and_then(|index| index.find(tool)) {
            return Ok(granted);
        }
        let mut grants = index::grants_of(&self.state, &text, index)?;
        grants.remove(tool).ok_or_else(|| unknown_tool(tool, &grants))
    }

    /// The bytes of a granted tool, just as they were when the person said yes.
    ///
    /// # Errors
    /// [`Code::ToolNotTrusted`] if the file is gone or is not what was granted (promise P11).
    pub fn component(&self, granted: &Granted) -> Result<Vec<u8>, Refusal> {
        let untrusted = |what: &str| {
            Refusal::new(
                Code::ToolNotTrusted,
                format!("{what} of `{}` ({} was granted)", granted.name, granted.digest.short()),
                "look at the file you got, then grant it: hotcell install FILE",
            )
        };
        let bytes = self.file(granted)?.ok_or_else(|| untrusted("there is no file"))?;
        if Digest::of(&bytes) != granted.digest {
            return Err(untrusted("the installed file is not the granted one"));
        }
        Ok(bytes)
    }

    /// The file of a granted tool, whatever is in it: for looking at, not for running.
    pub(crate) fn file(&self, granted: &Granted) -> Result<Option<Vec<u8>>, Refusal> {
        folders::read_file(&self.tools, &file_name(granted.digest), limits::COMPONENT_BYTES)
    }

    /// Keeps a package and records the grant, in place of an earlier one of the same name, which is returned.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] if something cannot be written; then the earlier grant stands.
    pub fn install(&self, package: &Package, granted: Granted) -> Result<Option<Granted>, Refusal> {
        let _lock = folders::lock(&self.state, LOCK)?;
        folders::replace_file(&self.tools, &file_name(package.digest), &package.bytes)?;
        let mut grants = self.grants()?;
        let earlier = grants.insert(granted.name.clone(), granted);
        self.write(&grants)?;
        self.drop_unused(earlier.clone(), &grants);
        Ok(earlier)
    }

    /// Changes a grant, within what the tool was installed for. Reached by a person's command only.
    ///
    /// # Errors
    /// [`Code::UnknownTool`] if it is not installed; what `change` refuses with; then nothing is changed.
    pub fn change(
        &self,
        tool: &str,
        change: impl FnOnce(&mut Granted) -> Result<(), Refusal>,
    ) -> Result<Granted, Refusal> {
        let _lock = folders::lock(&self.state, LOCK)?;
        let mut grants = self.grants()?;
        if !grants.contains_key(tool) {
            return Err(unknown_tool(tool, &grants));
        }
        let granted = grants.get_mut(tool).ok_or_else(|| Refusal::internal("a grant is gone while it is locked"))?;
        change(granted)?;
        let changed = granted.clone();
        self.write(&grants)?;
        Ok(changed)
    }

    /// Removes a tool and its grant.
    ///
    /// # Errors
    /// [`Code::UnknownTool`] if it is not installed.
    pub fn remove(&self, tool: &str) -> Result<Granted, Refusal> {
        let _lock = folders::lock(&self.state, LOCK)?;
        let mut grants = self.grants()?;
        let removed = grants.remove(tool).ok_or_else(|| unknown_tool(tool, &grants))?;
        self.write(&grants)?;
        self.drop_unused(Some(removed.clone()), &grants);
        Ok(removed)
    }

    fn write(&self, grants: &BTreeMap<String, Granted>) -> Result<(), Refusal> {
        let text = grants::write(grants)?;
        folders::replace_file(&self.state, grants::FILE, text.as_bytes())?;
        Index::write(&self.state, &text, grants);
        Ok(())
    }

    /// Deletes the component of a dropped grant unless another grant names it. A file that stays is harmless: no grant, no run.
    fn drop_unused(&self, dropped: Option<Granted>, grants: &BTreeMap<String, Granted>) {
        if let Some(dropped) = dropped
            && !grants.values().any(|granted| granted.digest == dropped.digest)
        {
            drop(self.tools.remove_file(file_name(dropped.digest)));
        }
    }
}

fn file_name(digest: Digest) -> String {
    format!("{digest}.wasm")
}

fn unknown_tool(tool: &str, grants: &BTreeMap<String, Granted>) -> Refusal {
    let installed: Vec<_> = grants.keys().map(String::as_str).collect();
    let hint = match installed.as_slice() {
        [] => "no tool is installed: hotcell install FILE".to_owned(),
        names => format!("installed are: {}", names.join(", ")),
    };
    Refusal::new(Code::UnknownTool, format!("no tool is named `{}`", hotcell_protocol::text::visible(tool)), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = \"a\"\nversion = \"1\"\n";

    fn package(extra: &[u8]) -> Package {
        let mut component = wasm_encoder::Component::new();
        component.section(&wasm_encoder::CustomSection { name: "x".into(), data: extra.into() });
        Package::new(component.finish(), Some((MANIFEST, "t"))).unwrap()
    }

    fn catalog() -> (tempfile::TempDir, Catalog) {
        let (folder, dir) = folders::in_tests::state();
        let catalog = Catalog::open(&dir).unwrap();
        (folder, catalog)
    }

    fn install(catalog: &Catalog, package: &Package) -> Granted {
        let granted = Granted::all_of(&package.manifest, package.digest, jiff::Timestamp::UNIX_EPOCH);
        catalog.install(package, granted.clone()).unwrap();
        granted
    }

    #[test]
    fn what_was_installed_is_found_and_gone_when_removed() {
        let (_folder, catalog) = catalog();
        let package = package(b"one");
        let granted = install(&catalog, &package);
        assert_eq!(catalog.find("a").unwrap(), granted);
        assert_eq!(catalog.component(&granted).unwrap(), package.bytes);
        catalog.remove("a").unwrap();
        assert_eq!(catalog.find("a").unwrap_err().code, Code::UnknownTool);
        assert_eq!(catalog.component(&granted).unwrap_err().code, Code::ToolNotTrusted);
    }

    #[test]
    fn i1_a_file_that_changed_after_the_grant_does_not_run() {
        let (_folder, catalog) = catalog();
        let granted = install(&catalog, &package(b"one"));
        catalog.tools.write(file_name(granted.digest), package(b"two").bytes).unwrap();
        assert_eq!(catalog.component(&granted).unwrap_err().code, Code::ToolNotTrusted);
    }

    #[test]
    fn a_new_version_takes_the_place_of_the_old_one() {
        let (_folder, catalog) = catalog();
        let old = install(&catalog, &package(b"one"));
        let new = install(&catalog, &package(b"two"));
        assert_eq!(catalog.grants().unwrap().len(), 1);
        assert_eq!(catalog.find("a").unwrap().digest, new.digest);
        assert_eq!(catalog.component(&old).unwrap_err().code, Code::ToolNotTrusted);
    }

    #[test]
    fn k4_a_state_folder_open_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let refusal = folders::own_folder(folder.path()).err().unwrap();
        assert_eq!(refusal.code, Code::StoreUnavailable);
        assert!(refusal.message.contains("755"), "{}", refusal.message);
    }

    #[test]
    fn installs_at_once_lose_nothing() {
        let (_folder, catalog) = catalog();
        let catalog = &catalog;
        std::thread::scope(|scope| {
            for n in 0..16 {
                scope.spawn(move || {
                    let text = format!("name = \"t{n}\"\nversion = \"1\"\n");
                    let package = Package::new(wasm_encoder::Component::new().finish(), Some((&text, "t"))).unwrap();
                    install(catalog, &package);
                });
            }
        });
        assert_eq!(catalog.grants().unwrap().len(), 16);
    }
}
