//! Compiled code, kept between processes. It is native code: whoever can put a file there would run in the host (threat I2).
//! So each file is authenticated with a key that is not in its folder, over what it was made of and by which engine; what does
//! not match is compiled anew and never run.

use std::hash::Hash as _;
use std::hash::Hasher;
use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use cap_std::fs::Dir;
use cap_std::fs::OpenOptions;
use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Digest;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use wasmtime::Engine;
use wasmtime::InstanceAllocationStrategy;
use wasmtime::component::Component;

use crate::Sandbox;
use crate::Tool;
use crate::describe;
use crate::engine::config;
use crate::load::not_compiled;

/// How a file begins. Another layout gets another number.
const MAGIC: &[u8; 16] = b"hotcell code 1\r\n";
const MAC_BYTES: usize = 32;

/// A folder of compiled code, and the key that authenticates it.
pub struct CodeCache {
    folder: Dir,
    key: [u8; 32],
}

/// Compiles a component, without running any of it, into the form that [`CodeCache`] keeps.
///
/// # Errors
/// [`Code::BadComponent`] for what the engine does not compile.
pub fn compile(component: &[u8]) -> Result<Vec<u8>, Refusal> {
    // Code does not depend on where instances will lie: this engine needs no pool.
    fingerprint()?.precompile_component(component).map_err(|error| not_compiled(&error))
}

impl CodeCache {
    /// A cache in this folder, which must be open to its owner alone.
    #[must_use]
    pub fn new(folder: Dir, key: [u8; 32]) -> Self {
        Self { folder, key }
    }

    /// Forgets all code of a component.
    pub fn forget(&self, digest: Digest) {
        let start = format!("{digest}-");
        let entries = self.folder.entries().into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&start)) {
            drop(entry.remove_file());
        }
    }

    /// Description and code under this name, if they are whole and genuine.
    fn find(&self, name: &str) -> Option<Compiled> {
        let most = u64::try_from(limits::CODE_BYTES).unwrap_or(u64::MAX);
        // Not through a link or out of a pipe, which would hang.
        let length = self.folder.symlink_metadata(name).ok().filter(cap_std::fs::Metadata::is_file)?.len();
        let mut bytes = Vec::with_capacity(usize::try_from(length.min(most)).ok()?.saturating_add(1));
        self.folder.open(name).ok()?.take(most).read_to_end(&mut bytes).ok()?;
        let rest = bytes.strip_prefix(MAGIC)?;
        let (mac, content) = rest.split_at_checked(MAC_BYTES)?;
        let mac: [u8; MAC_BYTES] = mac.try_into().ok()?;
        // In constant time, as `blake3::Hash` compares.
        if self.mac(name, content) != blake3::Hash::from_bytes(mac) {
            tracing::warn!(name, "compiled code is not what was kept: it is compiled anew");
            return None;
        }
        let (length, content) = content.split_at_checked(8)?;
        let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
        let (description, code) = content.split_at_checked(length)?;
        let (description, start) = (serde_json::from_slice(description).ok()?, bytes.len() - code.len());
        Some(Compiled { description, bytes, start })
    }

    /// Keeps code. A cache that cannot be written costs time, and is no error.
    fn keep(&self, name: &str, description: &Description, code: &[u8]) {
        let Ok(description) = serde_json::to_vec(description) else { return };
        let length = u64::try_from(description.len()).unwrap_or(u64::MAX).to_le_bytes();
        let content = [&length, description.as_slice(), code].concat();
        let mac = self.mac(name, &content);
        let temporary = format!(".{name}.{}", std::process::id());
        let written = self.write(&temporary, &[MAGIC, mac.as_bytes(), &content]);
        if written.and_then(|()| self.folder.rename(&temporary, &self.folder, name)).is_err() {
            drop(self.folder.remove_file(&temporary));
            tracing::warn!(name, "compiled code cannot be kept");
        }
    }

    fn write(&self, name: &str, parts: &[&[u8]]) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = self.folder.open_with(name, &options)?;
        parts.iter().try_for_each(|part| file.write_all(part))
    }

    /// The name is a part of what is authenticated: two files cannot change places.
    fn mac(&self, name: &str, content: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(name.as_bytes()).update(b"\0").update(content);
        mac.finalize()
    }
}

/// A tool's description, and its code in the form that [`compile`] makes. Genuine: read from where only a holder of the key can
/// have written it, or just made.
pub struct Compiled {
    description: Description,
    /// The code, from `start` on: what a file holds before it is not worth a copy of 30 MB.
    bytes: Vec<u8>,
    start: usize,
}

impl Compiled {
    /// What the tool is.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Its native code: for this engine, in this version, on this kind of processor.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl CodeCache {
    /// The description and code of a component; `compile` is called where none are kept: it may do its work in another process.
    ///
    /// # Errors
    /// As [`Sandbox::load`].
    pub fn compiled(
        &self,
        bytes: &[u8],
        digest: Digest,
        imports: &Imports,
        compile: impl FnOnce(&[u8]) -> Result<Vec<u8>, Refusal>,
    ) -> Result<Compiled, Refusal> {
        let name = name_of(digest, imports)?;
        if let Some(kept) = self.find(&name) {
            return Ok(kept);
        }
        let description = describe(bytes, imports)?;
        let code = compile(bytes)?;
        self.keep(&name, &description, &code);
        Ok(Compiled { description, bytes: code, start: 0 })
    }
}

/// What a cache has of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Something under its name that no holder of the key wrote.
    Foreign,
    /// Its code.
    Genuine,
    /// Nothing for this engine.
    Nothing,
}

impl CodeCache {
    /// What is kept of a component, without compiling it.
    ///
    /// # Errors
    /// [`Code::Internal`] if the engine cannot start.
    pub fn kept(&self, digest: Digest, imports: &Imports) -> Result<Kept, Refusal> {
        let name = name_of(digest, imports)?;
        Ok(match (self.folder.symlink_metadata(&name), self.find(&name)) {
            (_, Some(_)) => Kept::Genuine,
            (Ok(_), None) => Kept::Foreign,
            (Err(_), None) => Kept::Nothing,
        })
    }
}

impl Sandbox {
    /// A tool of code that was compiled before.
    ///
    /// # Errors
    /// [`Code::BadComponent`] for code of another engine, [`Code::ImportNotAllowed`] for imports that cannot be linked.
    pub fn load_compiled(&self, compiled: Compiled) -> Result<Tool, Refusal> {
        let component = self.revive(compiled.code())?;
        self.link(compiled.description, &component)
    }

    /// Whether a tool can be made of compiled code: all that [`Sandbox::load_compiled`] does. Nothing of it is run.
    ///
    /// # Errors
    /// As [`Sandbox::load_compiled`].
    pub fn check(&self, compiled: &Compiled) -> Result<(), Refusal> {
        self.revive(compiled.code()).and_then(|component| self.link(compiled.description.clone(), &component)).map(drop)
    }

    fn revive(&self, code: &[u8]) -> Result<Component, Refusal> {
        // Safety: `Compiled` is made by `CodeCache::compiled` alone, from what was written by a holder of the key, or from the
        // output of the compiler. The engine itself refuses code of another version, of other settings and for another
        // processor.
        #[expect(unsafe_code, reason = "the one place where kept native code comes back")]
        let component = unsafe { Component::deserialize(&self.engine, code) };
        component.map_err(|_| does_not_fit())
    }

    /// A tool of code in a file, which is mapped and not copied.
    ///
    /// # Safety
    /// The file holds what [`Compiled::code`] gave, and nobody changes it while the tool lives.
    ///
    /// # Errors
    /// As [`Sandbox::load_compiled`].
    #[expect(unsafe_code, reason = "native code is run as it is")]
    pub unsafe fn load_mapped(&self, description: Description, file: &Path) -> Result<Tool, Refusal> {
        // Safety: the caller's.
        let component = unsafe { Component::deserialize_file(&self.engine, file) };
        self.link(description, &component.map_err(|_| does_not_fit())?)
    }
}

fn does_not_fit() -> Refusal {
    Refusal::new(
        Code::BadComponent,
        "the compiler's output does not fit this engine",
        "install the tool again; if this stays, report it",
    )
}

/// Digest, and a hash of all else that the code and its description depend on.
fn name_of(digest: Digest, imports: &Imports) -> Result<String, Refusal> {
    let mut hash = Fingerprint(blake3::Hasher::new());
    fingerprint()?.precompile_compatibility_hash().hash(&mut hash);
    // A description is kept with the code: what one grant let in must not be found by another.
    imports.hash(&mut hash);
    env!("CARGO_PKG_VERSION").hash(&mut hash);
    Ok(format!("{digest}-{}.code", hash.0.finalize().to_hex().get(..32).unwrap_or_default()))
}

/// An engine that runs nothing: what it would compile is the same as with a pool. One for the process: each tool needs it.
fn fingerprint() -> Result<&'static Engine, Refusal> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let made = Engine::new(&config(InstanceAllocationStrategy::OnDemand));
    made.map(|engine| ENGINE.get_or_init(|| engine))
        .map_err(|_| Refusal::internal("the engine cannot start on this machine"))
}

/// What the engine hashes, by a hash that is the same in every process.
struct Fingerprint(blake3::Hasher);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
