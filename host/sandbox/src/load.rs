//! From a component's bytes to a tool that can be called: checked, compiled, linked, its exports looked up. Once.

use hotcell_protocol::Action;
use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use wasmtime::component::Component;
use wasmtime::component::ComponentExportIndex;
use wasmtime::component::InstancePre;

use crate::Sandbox;
use crate::describe;
use crate::link;
use crate::state::State;

/// A compiled tool. Belongs to the [`Sandbox`] that loaded it.
pub struct Tool {
    description: Description,
    pub(crate) instance: InstancePre<State>,
    exports: Vec<ComponentExportIndex>,
}

impl Tool {
    /// What the tool is: imports and actions.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// An action with the place of its function.
    pub(crate) fn find(&self, name: &str) -> Result<(&Action, &ComponentExportIndex), Refusal> {
        let mut both = self.description.actions.iter().zip(&self.exports);
        both.find(|(action, _)| action.name == name).ok_or_else(|| unknown_action(name, &self.description))
    }
}

/// The action of this name.
///
/// # Errors
/// [`Code::UnknownAction`] naming those that exist.
pub fn find_action<'a>(description: &'a Description, name: &str) -> Result<&'a Action, Refusal> {
    description.action(name).ok_or_else(|| unknown_action(name, description))
}

fn unknown_action(name: &str, description: &Description) -> Refusal {
    let known: Vec<_> = description.actions.iter().map(|action| action.name.as_str()).collect();
    Refusal::new(
        Code::UnknownAction,
        format!("the tool has no action `{}`", cut(&visible(name), 100)),
        format!("its actions are: {}", cut(&known.join(", "), 1_000)),
    )
}

impl Sandbox {
    /// Checks, compiles and links a component. Takes tens of milliseconds for Rust, ten seconds for a language runtime.
    ///
    /// # Errors
    /// As [`crate::describe`], and [`Code::BadComponent`] for what the engine does not compile.
    pub fn load(&self, bytes: &[u8], imports: &Imports) -> Result<Tool, Refusal> {
        let description = describe(bytes, imports)?;
        let component = Component::from_binary(&self.engine, bytes).map_err(|error| not_compiled(&error))?;
        self.link(description, &component)
    }

    /// Looks up the exports that a description names, and links the imports.
    pub(crate) fn link(&self, description: Description, component: &Component) -> Result<Tool, Refusal> {
        let exports = description
            .actions
            .iter()
            .map(|action| {
                export(component, action).ok_or_else(|| Refusal::internal("a described action is not exported"))
            })
            .collect::<Result<_, _>>()?;
        let linker = link::for_tool(&self.linker, &description.imports).map_err(|error| not_linked(&error))?;
        let instance = linker.instantiate_pre(component).map_err(|error| not_linked(&error))?;
        Ok(Tool { description, instance, exports })
    }
}

fn export(component: &Component, action: &Action) -> Option<ComponentExportIndex> {
    let interface = match &action.interface {
        Some(name) => Some(component.get_export_index(None, name)?),
        None => None,
    };
    component.get_export_index(interface.as_ref(), &action.function)
}

pub(crate) fn not_compiled(error: &wasmtime::Error) -> Refusal {
    Refusal::new(
        Code::BadComponent,
        format!("the component cannot be compiled: {}", reason(error)),
        "build it for wasm32-wasip2 with current tools, without threads, 64-bit memory or other unfinished proposals",
    )
}

fn not_linked(error: &wasmtime::Error) -> Refusal {
    Refusal::new(
        Code::ImportNotAllowed,
        format!("the component cannot be linked: {}", reason(error)),
        "it uses a function or a version of WASI 0.2 or hotcell:tool that this host does not have",
    )
}

/// The deepest cause, in one bounded line. The words come from the engine and the component, never from a credential.
fn reason(error: &wasmtime::Error) -> String {
    cut(&visible(&error.root_cause().to_string()), 300)
}
