//! Runs cases: in the real sandbox, before the gate of a rehearsal, under the grant that a yes to the manifest would give.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hotcell_gate::Rehearsal;
use hotcell_gate::RequestRecord;
use hotcell_gate::Services;
use hotcell_protocol::CallOutcome;
use hotcell_protocol::Code;
use hotcell_protocol::Cost;
use hotcell_protocol::Description;
use hotcell_protocol::Limits;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::text::visible;
use hotcell_sandbox::CodeCache;

use super::case::Case;
use super::diff::Difference;
use super::judge;
use super::play::Kept;
use super::play::Replies;
use super::play::Seen;
use crate::Isolation;
use crate::Package;
use crate::Places;
use crate::call;
use crate::catalog::declared;
use crate::compiler::Compiler;
use crate::folders;
use crate::guests::Room;
use crate::kept;
use crate::ready::Ready;

/// Where guests of cases are compiled and run. It is no [`crate::Host`]: it has no configuration, no catalog, no store and no
/// network, so that what a case does cannot reach what a person has.
pub(crate) struct Workshop {
    room: Room,
    code: CodeCache,
    compiler: Compiler,
}

impl Workshop {
    /// Opens the cache of compiled code. `program`: `hotcell` itself, which compiles and becomes workers; without it, both
    /// happen in this process.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] for Hotcell's folders.
    pub(crate) fn open(places: &Places, program: Option<PathBuf>) -> Result<Self, Refusal> {
        let mut room = Room::new(Isolation::Tool);
        let compiler = program.clone().map_or(Compiler::Here, Compiler::Child);
        room.program = program;
        let code = kept::code(&folders::own_folder(&places.state)?, &places.cache)?;
        Ok(Self { room, code, compiler })
    }

    fn load(&self, package: &Package) -> Result<Ready, Refusal> {
        let (imports, (code, digest)) = (package.manifest.imports(), package.code());
        let compile = |bytes: &[u8]| self.compiler.compile(bytes);
        let loaded = self.room.guests()?.load(self.code.compiled(code, digest, &imports, compile)?)?;
        Ready::of(loaded, Some(&package.manifest))
    }
}

/// A tool, ready for its cases.
pub(crate) struct Bench<'a> {
    workshop: &'a Workshop,
    package: &'a Package,
    services: Arc<Services>,
    description: Description,
    loaded: Ready,
}

/// What came of one case.
#[derive(Debug)]
pub(crate) struct Ran<'a> {
    pub(crate) case: &'a Case,
    pub(crate) differences: Vec<Difference>,
    pub(crate) took: Duration,
    pub(crate) outcome: CallOutcome,
    pub(crate) requests: Vec<RequestRecord>,
    pub(crate) seen: Seen,
}

impl Ran<'_> {
    /// Whether all was as the case says.
    pub(crate) fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

impl<'a> Bench<'a> {
    /// Checks what must hold before a person would be asked to grant the tool, and compiles it.
    ///
    /// # Errors
    /// As at `hotcell install`: [`Code::BadComponent`], [`Code::ImportNotAllowed`], [`Code::BadConfig`] for what the manifest
    /// asks for and `services` have not.
    pub(crate) fn new(workshop: &'a Workshop, package: &'a Package, services: Services) -> Result<Self, Refusal> {
        let manifest = &package.manifest;
        let description = declared::describe(package)?;
        manifest.check_against(&description)?;
        for (action, ask) in &manifest.actions {
            let grant = call::grant(&manifest.name, package.digest, action, &ask.services, &ask.public)?;
            services.check(&grant).map_err(|refusal| {
                let hint = "write it into service.toml, beside hotcell.toml, as the operator would into config.toml";
                Refusal::new(refusal.code, refusal.message, hint)
            })?;
        }
        let loaded = workshop.load(package)?;
        Ok(Self { workshop, package, services: Arc::new(services), description, loaded })
    }

    /// The operator's side, as the project has it.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// Refuses cases that cannot be run: of no action of the tool's, or signed in to nothing that it asks for.
    ///
    /// # Errors
    /// [`Code::BadConfig`] with file, line and repair.
    pub(crate) fn check(&self, cases: &[Case]) -> Result<(), Refusal> {
        for case in cases {
            let bad = |what: String, repair: String| {
                Refusal::new(Code::BadConfig, format!("{}: {what}", case.place()), repair)
            };
            if self.description.action(&case.action).is_none() {
                let known: Vec<_> = self.description.actions.iter().map(|action| action.name.as_str()).collect();
                let what = format!("the tool has no action `{}`", visible(&case.action));
                return Err(bad(what, format!("its actions are: {}", known.join(", "))));
            }
            let known = &self.package.manifest.variables;
            if let Some(name) = case.variables.keys().find(|name| !known.contains_key(*name)) {
                let what = format!("`variables` sets `{}`, which the tool has not", visible(name));
                let known: Vec<_> = known.keys().map(String::as_str).collect();
                return Err(bad(what, format!("the variables of its manifest are: {}", known.join(", "))));
            }
            for (service, scopes) in case.token_scopes.iter().flatten() {
                let rules = |scope: &String| self.services.rules(service, scope).is_empty();
                let names: Vec<_> = self.services.names().collect();
                if !names.contains(&service.as_str()) {
                    let what = format!("`token_scopes` names the service {}, which there is not", visible(service));
                    return Err(bad(what, format!("service.toml has: {}", names.join(", "))));
                }
                if let Some(scope) = scopes.iter().find(|scope| rules(scope)) {
                    let what = format!("`token_scopes` names a scope {} that {service} has not", visible(scope));
                    return Err(bad(what, format!("use one of [service.{service}.scopes]")));
                }
            }
        }
        Ok(())
    }

    /// Runs one case.
    ///
    /// # Errors
    /// Where it cannot be run at all: no temporary folder, no room for a sandbox.
    pub(crate) async fn run<'c>(&self, case: &'c Case) -> Result<Ran<'c>, Refusal> {
        let folder = tempfile::Builder::new().prefix("hotcell-case-").tempdir();
        let folder = folder.map_err(|error| Refusal::internal(format!("no temporary folder: {}", error.kind())))?;
        // For its owner alone, as every store is.
        let dir = folders::own_folder(&folder.path().join("store"))?;
        let signed_in = case.token_scopes.clone().unwrap_or_else(|| self.all_scopes());
        let rehearsal = Rehearsal::new(dir, Arc::clone(&self.services), &signed_in, Arc::new(Replies::of(case)))?;

        let manifest = &self.package.manifest;
        let ask = manifest.actions.get(&case.action).cloned().unwrap_or_default();
        let grant = call::grant(&manifest.name, self.package.digest, &case.action, &ask.services, &ask.public)?;
        let kept = Arc::new(Kept::default());
        let scene = call::Scene {
            gate: rehearsal.gate(),
            grant,
            loaded: &self.loaded,
            variables: self.variables(case)?,
            guests: self.workshop.room.guests()?,
            limits: Limits { deadline: case.deadline, ..Limits::default() },
            user: None,
            still: Box::new(|| true),
        };
        let started = Instant::now();
        let played = scene.play(case.action.clone(), case.arguments.clone(), Arc::clone(&kept) as _, |_| {}).await;
        let took = started.elapsed();
        let (outcome, requests) = match played {
            Ok(played) => (played.outcome, played.requests),
            Err(refusal) => (CallOutcome { verdict: Verdict::Refused(refusal), cost: Cost::default() }, Vec::new()),
        };
        let seen = kept.take();
        let differences = judge::differences(case, &seen, &outcome.verdict);
        Ok(Ran { case, differences, took, outcome, requests, seen })
    }

    /// What the case sets in the operator's place.
    fn variables(&self, case: &Case) -> Result<serde_json::Map<String, serde_json::Value>, Refusal> {
        let set = self.loaded.variables(&case.variables, &self.package.manifest.name, &case.action);
        set.map_err(|refusal| {
            let hint = "the operator will set it in config.toml; set it for this case: variables = { NAME = \"…\" }";
            Refusal::new(refusal.code, format!("{}: {}", case.place(), refusal.message), hint)
        })
    }

    /// A sign-in to every service that the tool asks for, with all scopes that it asks for.
    fn all_scopes(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all = BTreeMap::<String, BTreeSet<String>>::new();
        for (service, scopes) in self.package.manifest.actions.values().flat_map(|ask| &ask.services) {
            all.entry(service.clone()).or_default().extend(scopes.iter().cloned());
        }
        all
    }
}
