//! Whether what a tool without code will send is allowed by the rules that it is granted: said at installation, so that nobody
//! finds out at the first call. Only a forecast, with values of our own; the gate decides on each request.

use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use hotcell_template::Base;
use serde_json::Map;
use serde_json::Value;

use crate::Ask;
use crate::Host;
use crate::Package;

impl Host {
    /// Actions whose request no granted rule allows, with the gate's refusal.
    pub(crate) fn foresee(&self, package: &Package) -> Vec<(String, Refusal)> {
        let refused = |(name, ask): (&String, &Ask)| {
            let foreseen = self.foresee_action(package, name, ask);
            foreseen.err().map(|refusal| (name.clone(), refusal))
        };
        package.manifest.actions.iter().filter_map(refused).collect()
    }

    fn foresee_action(&self, package: &Package, name: &str, ask: &Ask) -> Result<(), Refusal> {
        let Some(request) = &ask.request else { return Ok(()) };
        let tool = &package.manifest.name;
        let origin = match request.base() {
            Ok(Base::Origin(origin)) => origin,
            Ok(Base::Service(service)) => self.services().origins(&service).into_iter().next().unwrap_or_default(),
            Err(_) => return Ok(()),
        };
        let variables = self.variables(tool).iter().map(|(name, value)| (format!("var.{name}"), value.clone()));
        let inputs = ask.inputs.iter().map(|(name, input)| (name.clone(), input.sample()));
        let values: Map<String, Value> = variables.chain(inputs).collect();
        // A value that fits no place says nothing of the rules.
        let Ok(expanded) = request.expand(&origin, &values) else { return Ok(()) };
        let Some(method) = Method::parse(expanded.method.as_str()) else { return Ok(()) };
        let grant = crate::call::grant(tool, package.digest, name, &ask.services, &ask.public)?;
        let held = |service: &str| ask.services.get(service).cloned().unwrap_or_default();
        self.services().decide(&grant, method, &expanded.url, held).map(drop)
    }
}
