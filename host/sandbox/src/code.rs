//! Compiled code, kept between processes. It is native code: whoever can put a file there would run in the host (threat I2).
//! So each file is authenticated with a key that is not in its folder, over what it was made of and by which engine; what does
//! not match is compiled anew and never run.

use std::hash::Hash as _;
use std::hash::Hasher;
use std::io::Read as _;
use std::io::Write as _;

use cap_std::fs::Dir;
use cap_std::fs::OpenOptions;
use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Digest;
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

/// Compiles a component, without running any of it, into the form that [`Sandbox::load_kept`] keeps.
///
/// # Errors
/// [`Code::BadComponent`] for what the engine does not compile.
pub fn compile(component: &[u8]) -> Result<Vec<u8>, Refusal> {
    // Code does not depend on where instances will lie: this engine needs no pool.
    let engine = Engine::new(&config(InstanceAllocationStrategy::OnDemand))
        .map_err(|_| Refusal::internal("the engine cannot start on this machine"))?;
    engine.precompile_component(component).map_err(|error| not_compiled(&error))
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
    fn find(&self, name: &str) -> Option<(Description, Vec<u8>)> {
        let mut bytes = Vec::new();
        let most = u64::try_from(limits::CODE_BYTES).unwrap_or(u64::MAX);
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
        Some((serde_json::from_slice(description).ok()?, code.to_vec()))
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

impl Sandbox {
    /// As [`Sandbox::load`], with code that was kept where there is some. `compile` is called where there is none: it may
    /// do its work in another process.
    ///
    /// # Errors
    /// As [`Sandbox::load`].
    pub fn load_kept(
        &self,
        bytes: &[u8],
        digest: Digest,
        inert: &[String],
        cache: &CodeCache,
        compile: impl FnOnce(&[u8]) -> Result<Vec<u8>, Refusal>,
    ) -> Result<Tool, Refusal> {
        let name = self.name_of(digest, inert);
        if let Some((description, code)) = cache.find(&name)
            && let Ok(component) = self.revive(&code)
        {
            return self.link(description, &component);
        }
        let description = describe(bytes, inert)?;
        let code = compile(bytes)?;
        let component = self.revive(&code)?;
        cache.keep(&name, &description, &code);
        self.link(description, &component)
    }

    /// Native code from bytes that were authenticated, or that this process has just had made.
    fn revive(&self, code: &[u8]) -> Result<Component, Refusal> {
        // Safety: `find` returns only what was written by a holder of the key, by `keep`, from the output of the compiler.
        // The engine itself refuses code of another version, of other settings and for another processor.
        #[expect(unsafe_code, reason = "the one place where kept native code comes back")]
        let component = unsafe { Component::deserialize(&self.engine, code) };
        component.map_err(|_| {
            Refusal::new(
                Code::BadComponent,
                "the compiler's output does not fit this engine",
                "install the tool again; if this stays, report it",
            )
        })
    }

    /// Digest, and a hash of all else that the code and its description depend on.
    fn name_of(&self, digest: Digest, inert: &[String]) -> String {
        let mut hash = Fingerprint(blake3::Hasher::new());
        self.engine.precompile_compatibility_hash().hash(&mut hash);
        inert.hash(&mut hash);
        env!("CARGO_PKG_VERSION").hash(&mut hash);
        format!("{digest}-{}.code", hash.0.finalize().to_hex().get(..32).unwrap_or_default())
    }
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
