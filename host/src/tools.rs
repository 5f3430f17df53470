//! Tools of the host: read, checked, compiled, kept, loaded, removed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use hotcell_protocol::Action;
use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Digest;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_sandbox::Compiled;

use crate::Granted;
use crate::Host;
use crate::Package;
use crate::catalog::declared;
use crate::catalog::declared::Declared;
use crate::guests::Loaded;
use crate::ready::Ready;

impl Host {
    /// An action of an installed tool. Compiles and runs nothing.
    ///
    /// # Errors
    /// [`Code::UnknownTool`] or [`Code::UnknownAction`].
    pub fn action(&self, tool: &str, action: &str) -> Result<Action, Refusal> {
        let granted = self.catalog().find(tool)?;
        let description = self.describe_granted(&granted, self.catalog().component(&granted)?)?;
        hotcell_sandbox::find_action(&description, action).cloned()
    }

    /// Reads a package's actions and imports. Compiles and runs nothing.
    ///
    /// # Errors
    /// [`Code::BadComponent`] or [`Code::ImportNotAllowed`]; [`Code::ToolNotTrusted`] for another executor than the manifest's.
    pub fn describe(&self, package: &Package) -> Result<Description, Refusal> {
        declared::describe(package)
    }

    /// As [`Host::describe`], for the bytes of a granted tool. Of a tool with code, the manifest is not read.
    pub(crate) fn describe_granted(&self, granted: &Granted, bytes: Vec<u8>) -> Result<Description, Refusal> {
        match granted.declared {
            Some(_) => self.describe(&Package::new(bytes, None)?),
            None => hotcell_sandbox::describe(&bytes, &granted.imports()),
        }
    }

    /// Checks all that must hold before a person is asked about a package: imports, actions, services, scopes, public origins,
    /// variables.
    ///
    /// # Errors
    /// As [`Host::describe`], and [`Code::BadConfig`] for what the manifest asks for and nobody can grant.
    pub fn examine(&self, package: &Package) -> Result<Description, Refusal> {
        let description = hotcell_sandbox::describe(package.code().0, &package.manifest.imports())?;
        let declared = Declared::of(&package.manifest, &description)?;
        if let Some(declared) = &declared {
            let name = &package.manifest.name;
            declared.variables(name, None, self.variables(name))?;
        }
        let description = declared.map_or(description, |declared| declared.description().clone());
        package.manifest.check_against(&description)?;
        for (action, ask) in &package.manifest.actions {
            // Unknown services and scopes are refused here, before a person is asked: a manifest cannot lead anybody
            // to sign in somewhere that the operator did not set up (threat I3).
            crate::call::grant(&package.manifest.name, package.digest, action, &ask.services, &ask.public)
                .and_then(|grant| self.services().check(&grant))?;
        }
        Ok(description)
    }

    /// Compiles a package to see that it can run, then keeps it with its grant.
    ///
    /// # Errors
    /// [`Code::BadComponent`] if it cannot be compiled, [`Code::StoreUnavailable`] if it cannot be kept.
    pub fn install(&self, package: &Package, granted: Granted) -> Result<(), Refusal> {
        let (code, digest) = package.code();
        let compiled = self.compiled(code, digest, &package.manifest.imports())?;
        let guests = self.room.guests()?;
        guests.check(&compiled)?;
        let tool = Ready::of(guests.load(compiled)?, Some(&package.manifest))?;
        let earlier = self.catalog().install(package, granted)?;
        if let Some(earlier) = earlier.filter(|earlier| earlier.digest != package.digest) {
            self.drop_code(&earlier);
            self.unload(earlier.digest);
        }
        self.loaded().insert(package.digest, Arc::new(tool));
        Ok(())
    }

    /// The compiled tool of a grant. Compiled once in the life of the host.
    pub(crate) fn tool(&self, granted: &Granted) -> Result<Arc<Ready>, Refusal> {
        if let Some(tool) = self.loaded().get(&granted.digest) {
            return Ok(Arc::clone(tool));
        }
        let bytes = self.catalog().component(granted)?;
        let tool = Arc::new(match &granted.declared {
            None => Ready::of(self.load(&bytes, granted.digest, &granted.imports())?, None)?,
            Some(parts) => {
                let package = Package::new(bytes, None)?;
                if package.parts.as_ref() != Some(parts) {
                    return Err(other_parts(granted));
                }
                let (code, digest) = package.code();
                let loaded = self.load(code, digest, &granted.imports())?;
                Ready::of(loaded, Some(&package.manifest))?
            }
        });
        self.loaded().insert(granted.digest, Arc::clone(&tool));
        Ok(tool)
    }

    /// Whether a tool is compiled already.
    pub(crate) fn is_loaded(&self, digest: Digest) -> bool {
        self.loaded().contains_key(&digest)
    }

    /// A tool of bytes whose digest was checked; compiled where no code of it is kept.
    pub(crate) fn load(&self, bytes: &[u8], digest: Digest, imports: &Imports) -> Result<Loaded, Refusal> {
        self.room.guests()?.load(self.compiled(bytes, digest, imports)?)
    }

    fn compiled(&self, bytes: &[u8], digest: Digest, imports: &Imports) -> Result<Compiled, Refusal> {
        self.code.compiled(bytes, digest, imports, |bytes| self.compiler.compile(bytes))
    }

    /// Removes a tool, its grant and its code.
    ///
    /// # Errors
    /// [`Code::UnknownTool`] if it is not installed.
    pub fn remove(&self, tool: &str) -> Result<Granted, Refusal> {
        let removed = self.catalog().remove(tool)?;
        self.drop_code(&removed);
        self.unload(removed.digest);
        Ok(removed)
    }

    /// Forgets the code of a tool that is no more, unless another tool has the same: an executor's is kept once for all of its tools.
    fn drop_code(&self, gone: &Granted) {
        let code = gone.code_digest();
        let is_used = |grants: &std::collections::BTreeMap<String, Granted>| {
            grants.values().any(|granted| granted.code_digest() == code)
        };
        if !self.catalog().grants().is_ok_and(|grants| is_used(&grants)) {
            self.code.forget(code);
        }
    }

    /// Forgets a tool that is no more, and ends its workers.
    fn unload(&self, digest: Digest) {
        let unloaded = self.loaded().remove(&digest);
        if let (Some(tool), Ok(guests)) = (unloaded, self.room.guests()) {
            guests.forget(tool.loaded());
        }
    }

    fn loaded(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Ready>>> {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn other_parts(granted: &Granted) -> Refusal {
    Refusal::new(
        Code::ToolNotTrusted,
        format!("the executor or the manifest in the package of `{}` is not the granted one", granted.name),
        format!("see which: hotcell inspect {} --chain; then install it again from its manifest", granted.name),
    )
}
