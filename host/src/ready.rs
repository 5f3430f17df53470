//! A tool that can be called: its code in the place where guests run, and what it says of itself.

use std::collections::BTreeMap;

use hotcell_protocol::Description;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use serde_json::Map;
use serde_json::Value;

use crate::Manifest;
use crate::catalog::declared::Declared;
use crate::guests::Loaded;

/// A tool, loaded. One without code is an executor and what its manifest declares.
pub(crate) struct Ready {
    loaded: Loaded,
    declared: Option<Declared>,
}

impl Ready {
    /// # Errors
    /// [`hotcell_protocol::Code::ToolNotTrusted`] for code that is not the executor that the manifest asks for.
    pub(crate) fn of(loaded: Loaded, manifest: Option<&Manifest>) -> Result<Self, Refusal> {
        let declared = manifest.map(|manifest| Declared::of(manifest, loaded.description())).transpose()?.flatten();
        Ok(Self { loaded, declared })
    }

    /// The code in its place.
    pub(crate) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// What people and agents can call.
    pub(crate) fn description(&self) -> &Description {
        self.declared.as_ref().map_or_else(|| self.loaded.description(), Declared::description)
    }

    /// What this action needs of what the operator set for the tool; nothing for a tool with code.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::BadConfig`] naming what is not set.
    pub(crate) fn variables(
        &self,
        set: &BTreeMap<String, Value>,
        tool: &str,
        action: &str,
    ) -> Result<Map<String, Value>, Refusal> {
        match &self.declared {
            Some(declared) => declared.variables(tool, Some(action), set),
            None => Ok(Map::new()),
        }
    }

    /// A call as the code takes it.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::BadArguments`] for arguments that a tool without code does not take; those of others are checked where
    /// they are read.
    pub(crate) fn call(
        &self,
        action: String,
        arguments: Value,
        variables: Map<String, Value>,
    ) -> Result<(String, Value), Refusal> {
        match &self.declared {
            Some(declared) => declared.call(&action, &arguments, variables),
            None => Ok((action, arguments)),
        }
    }

    /// How the action ended, by how its code did.
    pub(crate) fn verdict(&self, verdict: Verdict) -> Verdict {
        if self.declared.is_some() { Declared::verdict(verdict) } else { verdict }
    }
}
