//! The menu: every action of every granted tool as an MCP tool, in the order of their names. Made from the grants and from
//! the components' types; no guest code runs and nothing is compiled.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use hotcell_gate::Grant;
use hotcell_protocol::Action;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use rmcp::model::MetaObject;
use rmcp::model::Tool;
use rmcp::model::ToolAnnotations;
use serde_json::json;

use super::answer::shown;
use super::described;
use super::described::Described;
use super::described::Index;
use super::names;
use super::schema;
use crate::Granted;
use crate::Host;
use crate::call;
use crate::catalog::Stamp;
use crate::signature::signature;

/// All actions that agents may call, at one state of the grants.
#[derive(Default)]
pub(super) struct Menu {
    /// The grants that this was made of.
    pub(super) stamp: Stamp,
    by_name: BTreeMap<String, Arc<Dish>>,
    described: Index,
}

/// One action that agents may call.
pub(super) struct Dish {
    /// The grant that it runs under.
    pub(super) granted: Arc<Granted>,
    /// What it takes and gives.
    pub(super) action: Action,
    /// Whether a rule of its grant has a method that changes something.
    pub(super) writes: bool,
    /// How agents see it.
    pub(super) tool: Tool,
}

impl Menu {
    /// Makes the menu of the grants as they are now. What an earlier menu knows is not read again.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::StoreUnavailable`] or [`hotcell_protocol::Code::BadConfig`] if the grants cannot be read.
    pub(super) fn of(host: &Host, earlier: Option<&Self>) -> Result<Self, Refusal> {
        // The stamp first: grants that change meanwhile look changed at the next look.
        let stamp = host.catalog().stamp();
        let grants = host.catalog().grants()?;
        let known = earlier.map(|menu| menu.described.clone()).unwrap_or_default();
        let described = described::all(host, grants.values(), known);
        let mut by_name = BTreeMap::new();
        for granted in grants.into_values() {
            let Some(described) = described.get(&granted.digest) else { continue };
            let granted = Arc::new(granted);
            for action in &described.description.actions {
                match dish(host, &granted, described, action) {
                    Ok(dish) => drop(by_name.insert(dish.tool.name.to_string(), Arc::new(dish))),
                    Err(refusal) => tracing::warn!(tool = granted.name, "not listed: {refusal}"),
                }
            }
        }
        Ok(Self { stamp, by_name, described })
    }

    /// The action of this name.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Dish>> {
        self.by_name.get(name).map(Arc::clone)
    }

    /// All actions as agents see them, by name.
    pub(super) fn tools(&self) -> Vec<Tool> {
        self.by_name.values().map(|dish| dish.tool.clone()).collect()
    }
}

fn dish(host: &Host, granted: &Arc<Granted>, described: &Described, action: &Action) -> Result<Dish, Refusal> {
    let grant = call::grant_of(granted, &action.name)?;
    let methods = host.services().methods(&grant);
    let said = described.about_actions.get(&action.name).cloned().unwrap_or_default();
    let about = match (said.description.as_str(), described.about.as_str()) {
        ("", "") => signature(action),
        ("", about) => format!("{} {about}", signature(action)),
        (said, _) => said.to_owned(),
    };
    let name = names::name(&granted.name, &action.name);
    let mut tool = Tool::new(name, shown(&about), schema::input(action, &said.parameters));
    tool.title = Some(format!("{}: {}", granted.name, action.name));
    tool.output_schema = schema::output(action, &said.returns).map(Arc::new);
    tool.annotations = Some(annotations(&methods, &grant));
    tool.meta = Some(meta(granted, action, &grant));
    Ok(Dish { granted: Arc::clone(granted), action: action.clone(), writes: methods.iter().any(is_write), tool })
}

/// Whether a method changes something on the server (RFC 9110 §9.2.1: the others are safe).
fn is_write(method: &Method) -> bool {
    !matches!(method, Method::Get | Method::Head)
}

/// Hints for clients, from what the grant lets the action send. They promise nothing: the gate holds.
fn annotations(methods: &BTreeSet<Method>, grant: &Grant) -> ToolAnnotations {
    let writes = methods.iter().any(is_write);
    // RFC 9110 §9.2.2; PATCH is not idempotent (RFC 5789 §2).
    let idempotent = !methods.iter().any(|method| matches!(method, Method::Post | Method::Patch));
    ToolAnnotations::new()
        .read_only(!writes)
        .destructive(writes)
        .idempotent(idempotent)
        .open_world(!grant.services.is_empty() || !grant.public.is_empty())
}

fn meta(granted: &Granted, action: &Action, grant: &Grant) -> MetaObject {
    let mut meta = MetaObject::new();
    meta.0.insert("hotcell/tool".into(), json!(granted.name));
    meta.0.insert("hotcell/version".into(), json!(visible(&granted.version)));
    meta.0.insert("hotcell/action".into(), json!(action.name));
    meta.0.insert("hotcell/digest".into(), json!(granted.digest));
    meta.0.insert("hotcell/services".into(), json!(grant.services));
    meta
}
