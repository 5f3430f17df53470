//! A tool without code, ready to be called: its actions as people and agents see them, and each call as the executor takes it.

use std::collections::BTreeMap;

use hotcell_protocol::Action;
use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::limits;
use hotcell_sandbox::values;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::super::Manifest;
use super::super::Package;
use super::super::executor;
use super::super::executor::Wanted;
use super::Input;

/// A tool without code.
#[derive(Debug)]
pub(crate) struct Declared {
    description: Description,
    /// The executor's function.
    run: String,
    actions: BTreeMap<String, DeclaredAction>,
    variables: BTreeMap<String, String>,
}

#[derive(Debug)]
struct DeclaredAction {
    /// The template, as the executor takes it.
    request: String,
    inputs: BTreeMap<String, Input>,
    /// The variables that it uses.
    variables: Vec<String>,
}

impl Declared {
    /// The tool of a manifest and of what its executor is; `None` for a tool with code.
    ///
    /// # Errors
    /// [`Code::ToolNotTrusted`] for another executor than the manifest's.
    pub(crate) fn of(manifest: &Manifest, executor: &Description) -> Result<Option<Self>, Refusal> {
        let Some(wanted) = manifest.executor.as_deref().map(Wanted::of).transpose()? else { return Ok(None) };
        let run = executor::function(&wanted.name, executor)?;
        let mut actions = BTreeMap::new();
        for (name, ask) in &manifest.actions {
            let unreadable = || Refusal::internal("a manifest that was checked cannot be read");
            let request = ask.request.as_ref().ok_or_else(unreadable)?;
            let uses = request.uses().map_err(|_| unreadable())?;
            let variables = uses.iter().filter_map(|used| used.name.strip_prefix("var.")).map(str::to_owned).collect();
            let request = serde_json::to_string(request).map_err(|_| unreadable())?;
            actions.insert(name.clone(), DeclaredAction { request, inputs: ask.inputs.clone(), variables });
        }
        let described = actions.iter().map(|(name, action)| self::action(name, &action.inputs)).collect();
        let description = Description { imports: executor.imports.clone(), actions: described };
        Ok(Some(Self { description, run, actions, variables: manifest.variables.clone() }))
    }

    /// The actions that people and agents see.
    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// The operator's values for the variables of these actions, by `var.NAME`; `None`: of all actions.
    ///
    /// # Errors
    /// [`Code::BadConfig`] naming the variable that the operator did not set.
    pub(crate) fn variables(
        &self,
        tool: &str,
        action: Option<&str>,
        set: &BTreeMap<String, Value>,
    ) -> Result<Map<String, Value>, Refusal> {
        let actions = self.actions.iter().filter(|(name, _)| action.is_none_or(|action| action == *name));
        let mut found = Map::new();
        for name in actions.flat_map(|(_, action)| &action.variables) {
            let value = set.get(name).ok_or_else(|| {
                let about = self.variables.get(name).map(String::as_str).unwrap_or_default();
                Refusal::new(
                    Code::BadConfig,
                    format!(
                        "the tool needs the variable `{name}`, which config.toml does not set ({})",
                        hotcell_protocol::text::visible(about)
                    ),
                    format!("write into config.toml: [tool.{tool}.variables] {name} = \"…\""),
                )
            })?;
            found.insert(format!("var.{name}"), value.clone());
        }
        Ok(found)
    }

    /// A call as the executor takes it: the function's name and its arguments.
    ///
    /// # Errors
    /// [`Code::UnknownAction`], and [`Code::BadArguments`] for arguments that do not fit the declared parameters: nothing runs.
    pub(crate) fn call(
        &self,
        action: &str,
        arguments: &Value,
        variables: Map<String, Value>,
    ) -> Result<(String, Value), Refusal> {
        let described = hotcell_sandbox::find_action(&self.description, action)?;
        let declared = self.actions.get(action).ok_or_else(|| Refusal::internal("an action has no request"))?;
        values::arguments(described, arguments)?;
        let mut filled = variables;
        for (name, input) in &declared.inputs {
            filled.insert(name.clone(), input.value(name, arguments.get(name))?);
        }
        let filled = Value::Object(filled).to_string();
        Ok((self.run.clone(), json!({"request": declared.request, "values": filled})))
    }

    /// What the executor returned, as the action's result: its JSON, read.
    pub(crate) fn verdict(verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Returned(Value::String(text)) => read(&text).map_or_else(Verdict::Refused, Verdict::Returned),
            Verdict::Returned(_) => Verdict::Refused(not_json()),
            other => other,
        }
    }
}

/// Reads a package's actions and imports, those that its manifest declares where it has no code. Compiles and runs nothing.
///
/// # Errors
/// As [`hotcell_sandbox::describe`]; [`Code::ToolNotTrusted`] for another executor than the manifest's.
pub(crate) fn describe(package: &Package) -> Result<Description, Refusal> {
    let description = hotcell_sandbox::describe(package.code().0, &package.manifest.imports())?;
    let declared = Declared::of(&package.manifest, &description)?;
    Ok(declared.map_or(description, |declared| declared.description))
}

fn action(name: &str, inputs: &BTreeMap<String, Input>) -> Action {
    let fields = inputs.iter().map(|(name, input)| input.field(name));
    let (needed, further): (Vec<_>, Vec<_>) =
        fields.partition(|field| !matches!(field.kind, hotcell_protocol::Type::Option(_)));
    Action {
        name: name.to_owned(),
        interface: None,
        function: name.to_owned(),
        parameters: needed.into_iter().chain(further).collect(),
        result: None,
    }
}

/// Reads a result, within the limits that every result has: a server's answer may be made to cost many times its bytes.
fn read(text: &str) -> Result<Value, Refusal> {
    let (values, depth) = values::weigh(text.as_bytes());
    if values > limits::JSON_NODES || depth > limits::JSON_DEPTH {
        return Err(Refusal::new(
            Code::ResultTooLarge,
            format!(
                "the answer holds more than {} values, or more than {} levels",
                limits::JSON_NODES,
                limits::JSON_DEPTH
            ),
            "ask for less, or let the manifest select a part of the answer",
        ));
    }
    // The executor takes what servers call JSON for JSON, half a surrogate pair and numbers beyond all bounds too: then it is a text.
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
}

fn not_json() -> Refusal {
    Refusal::new(
        Code::BadComponent,
        "the executor returned what is no JSON",
        "install the tool again with the executor that is shipped: hotcell install MANIFEST.toml",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotcell_protocol::Field;
    use hotcell_protocol::Type;

    fn declared() -> Declared {
        let manifest = Manifest::parse(include_str!("good.toml"), "t").unwrap();
        let field = |name: &str| Field { name: name.into(), kind: Type::String };
        let run = Action {
            name: "http.run".into(),
            interface: Some("hotcell:executor/http@0.1.0".into()),
            function: "run".into(),
            parameters: vec![field("request"), field("values")],
            result: Some(Type::Result { ok: Some(Box::new(Type::String)), err: None }),
        };
        Declared::of(&manifest, &Description { imports: vec!["x".into()], actions: vec![run] }).unwrap().unwrap()
    }

    #[test]
    fn people_see_the_declared_actions_and_the_executor_gets_template_and_values() {
        let declared = declared();
        let action = &declared.description().actions[0];
        let names: Vec<_> = action.parameters.iter().map(|field| field.name.as_str()).collect();
        assert_eq!((action.name.as_str(), names.as_slice()), ("list", &["owner", "labels", "limit", "state"][..]));
        let set = BTreeMap::from([("region".to_owned(), json!("eu"))]);
        let variables = declared.variables("issues", Some("list"), &set).unwrap();
        let (function, arguments) = declared.call("list", &json!({"owner": "a", "state": "open"}), variables).unwrap();
        assert_eq!(function, "http.run");
        let values: Value = serde_json::from_str(arguments["values"].as_str().unwrap()).unwrap();
        assert_eq!(values, json!({"var.region": "eu", "owner": "a", "state": "open", "labels": null, "limit": 20}));
        let request: hotcell_template::Request = serde_json::from_str(arguments["request"].as_str().unwrap()).unwrap();
        assert_eq!(request.url, "${service.github}/repos/${owner}/${var.region}/issues");
    }

    #[test]
    fn i3_arguments_that_do_not_fit_run_nothing_and_a_variable_that_is_not_set_is_named() {
        let declared = declared();
        for bad in [
            json!({}),
            json!({"owner": 5}),
            json!({"owner": "a", "x": 1}),
            json!({"owner": "a", "state": "ajar"}),
            json!([]),
            json!({"owner": "a", "limit": 0}),
            json!({"owner": "x".repeat(40)}),
            json!({"owner": "a", "var.region": "us"}),
        ] {
            assert_eq!(declared.call("list", &bad, Map::new()).unwrap_err().code, Code::BadArguments, "{bad}");
        }
        assert_eq!(declared.call("http.run", &json!({}), Map::new()).unwrap_err().code, Code::UnknownAction);
        let refusal = declared.variables("issues", None, &BTreeMap::new()).unwrap_err();
        assert!(
            refusal.message.contains("`region`") && refusal.hint.contains("[tool.issues.variables]"),
            "{refusal:?}"
        );
    }

    #[test]
    fn results_are_read_within_the_limits_of_all_results() {
        let returned = |text: &str| Declared::verdict(Verdict::Returned(Value::from(text)));
        assert_eq!(returned("{\"a\": [1, \"x,[{\\\"\"]}"), Verdict::Returned(json!({"a": [1, "x,[{\""]})));
        assert_eq!(returned("null"), Verdict::Returned(Value::Null));
        let refused = |text: &str| match returned(text) {
            Verdict::Refused(refusal) => refusal.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&"[".repeat(200)), Code::ResultTooLarge);
        assert_eq!(refused(&format!("[{}0]", "0,".repeat(limits::JSON_NODES))), Code::ResultTooLarge);
        for odd in ["\"\\ud83d\"", "[1e999]"] {
            assert_eq!(read(odd).unwrap(), json!(odd), "a server's, which others take");
        }
    }
}
