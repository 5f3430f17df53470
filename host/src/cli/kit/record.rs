//! `hotcell record`: one live call, by the way of every other call, written down as a case. What is written is what the tool saw:
//! requests before anything of the host's was added, answers after the scan. It is searched for every live secret once more.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hotcell_gate::Gate;
use hotcell_gate::Grant;
use hotcell_gate::credential_name;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::text::visible;
use hotcell_vault::Condition;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::super::Exit;
use super::super::args;
use super::super::call::read_arguments;
use super::super::output;
use super::project;
use super::report::count;
use crate::Host;
use crate::Request;
use crate::author::kit;
use crate::author::kit::play::Exchange;
use crate::author::kit::play::Kept;
use crate::author::kit::read;
use crate::author::kit::write;
use crate::call::grant_of;
use crate::folders;
use crate::stop;

#[derive(Serialize)]
struct Recorded<'a> {
    file: &'a Path,
    case: &'a str,
    requests: usize,
}

/// `hotcell record`
pub(in super::super) async fn record(host: &Host, args: &args::Record) -> Result<Exit, Refusal> {
    let name = args.name.clone().unwrap_or_else(|| format!("{} {}", args.action, jiff::Timestamp::now()));
    let arguments = read_arguments(host, &args.tool, &args.action, args.arguments.as_deref(), &args.args)?;
    // All that can be wrong with the file is told before anything is sent.
    let target = Target::of(args, &name)?;
    // The search at the end looks for what is in the store, also where the action itself needs none.
    host.store()?;
    let granted = host.catalog().find(&args.tool)?;
    let kept = Arc::new(Kept::default());
    let request = Request {
        tool: args.tool.clone(),
        action: args.action.clone(),
        arguments: arguments.clone(),
        deadline: args.timeout.map(Duration::from_secs),
    };
    let called = tokio::select! {
        called = crate::call(host, request, Arc::clone(&kept) as _) => called?,
        () = stop::stopped() => return Err(stopped()),
    };
    let verdict = &called.outcome.verdict;
    if let Verdict::Refused(refusal) = verdict
        && matches!(refusal.code, Code::LeakStopped | Code::WorkerLost | Code::Internal)
    {
        output::refusal(refusal);
        return Err(not_written("the call ended in a way that no case can repeat"));
    }
    let seen = kept.take();
    let grant = grant_of(&granted, &args.action)?;
    let names = grant.services.keys();
    let origins: Vec<String> = names.flat_map(|service| host.services().origins(service)).collect();
    let (action, exchanges) = (&args.action, &seen.exchanges);
    let signed_in = signed_in(host, &grant)?;
    let tool = host.tool(&granted)?;
    let variables = tool.variables(host.variables(&args.tool), &args.tool, &args.action)?;
    let made = write::Made {
        name: &name,
        action,
        arguments: &arguments,
        variables: &variables,
        signed_in: &signed_in,
        exchanges,
        verdict,
        origins: &origins,
    };
    let text = write::case(&made);
    refuse_secrets(&*host.gate(&grant)?, &text, &seen.exchanges, &called.outcome.verdict)?;
    refuse_new_credentials(&arguments, &seen.exchanges, &called.outcome.verdict)?;
    target.write(&text, args)?;
    let file = &target.file;
    output::good(&format!(
        "{} is written: {}",
        visible(&file.display().to_string()),
        count(exchanges.len(), "request")
    ));
    output::note(
        "it holds no credential that hotcell knows, and all that the service answered: look through it for personal data \
         before others get it",
    );
    for refusal in &called.refusals {
        output::refusal(refusal);
    }
    if args.json {
        output::json(&Recorded { file, case: &name, requests: exchanges.len() })?;
    }
    Ok(Exit::Done)
}

/// Where the case goes.
fn out(args: &args::Record) -> Result<PathBuf, Refusal> {
    if let Some(file) = &args.out {
        return Ok(file.clone());
    }
    let (folder, _) = project(None)?;
    if folder.join(super::PROJECT).is_file() {
        return Ok(folder.join(kit::FOLDER).join("recorded.toml"));
    }
    Err(Refusal::new(Code::BadArguments, "this is no tool's project", "say where the case goes: --out FILE"))
}

/// Looks for every live secret: in the text as it is written, and in each part before it was written.
fn refuse_secrets(gate: &Gate, text: &str, exchanges: &[Exchange], verdict: &Verdict) -> Result<(), Refusal> {
    let holds = |bytes: &[u8]| gate.holds_secret(bytes);
    let of = |exchange: &Exchange| {
        let asked = &exchange.asked;
        let headers = asked.headers.iter().chain(exchange.came.iter().flat_map(|answer| &answer.headers));
        holds(asked.url.as_bytes())
            || asked.body.as_deref().is_some_and(holds)
            || exchange.came.as_ref().is_ok_and(|answer| holds(&answer.body))
            || headers.into_iter().any(|header| holds(header.name.as_bytes()) || holds(header.value.as_bytes()))
    };
    if holds(text.as_bytes()) || holds(result(verdict).as_bytes()) || exchanges.iter().any(of) {
        return Err(not_written("the case would hold a credential"));
    }
    Ok(())
}

/// What the action returned, as JSON; nothing where it did not.
fn result(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Returned(value) | Verdict::Failed(value) => value.to_string(),
        Verdict::Refused(_) => String::new(),
    }
}

/// Looks for what has just been made, and so is in no store: a token endpoint that needs no token is not guarded by the gate, and
/// neither is a service whose operator lets new credentials pass. A tool may have them; a file that is given to others may not.
fn refuse_new_credentials(arguments: &Value, exchanges: &[Exchange], verdict: &Verdict) -> Result<(), Refusal> {
    let bodies = exchanges.iter().flat_map(|exchange| {
        let answered = exchange.came.as_ref().ok().map(|answer| answer.body.as_slice());
        exchange.asked.body.as_deref().into_iter().chain(answered)
    });
    let (arguments, result) = (arguments.to_string(), result(verdict));
    let mut all = bodies.chain([arguments.as_bytes(), result.as_bytes()]);
    match all.find_map(credential_name) {
        Some(name) => Err(not_written(&format!("the case would hold what looks like a credential (`{name}`)"))),
        None => Ok(()),
    }
}

/// Who is signed in to what, as far as the action may use it: what the call could do, the case must be able to.
fn signed_in(host: &Host, grant: &Grant) -> Result<BTreeMap<String, BTreeSet<String>>, Refusal> {
    let Some(store) = host.store()? else { return Ok(BTreeMap::new()) };
    let held = |(service, granted): (&String, &BTreeSet<String>)| {
        let metadata = store.cached_metadata(service.as_str())?;
        let scopes = granted.intersection(&metadata.scopes).cloned().collect();
        (metadata.state != Condition::SignInRequired).then(|| (service.clone(), scopes))
    };
    Ok(grant.services.iter().filter_map(held).collect())
}

fn stopped() -> Refusal {
    Refusal::new(
        Code::DeadlineExceeded,
        "the call was stopped, and no case was written",
        "what it sent until then may have been done: hotcell audit shows it",
    )
}

fn not_written(why: &str) -> Refusal {
    Refusal::new(Code::LeakStopped, format!("{why}, so nothing was written"), "look at the call: hotcell audit")
}

/// The file that gets the case, and what stands in it.
struct Target {
    file: PathBuf,
    earlier: Option<String>,
}

impl Target {
    /// Looks whether a case of this name can be written there.
    fn of(args: &args::Record, name: &str) -> Result<Self, Refusal> {
        let file = out(args)?;
        if file.symlink_metadata().is_ok() && !args.append && !args.force {
            return Err(Refusal::new(
                Code::BadConfig,
                format!("{} is there already", visible(&file.display().to_string())),
                "--append adds to it, --force replaces it; nothing was sent",
            ));
        }
        let earlier = if args.append { folders::read_foreign_file(&file, read::FILE_BYTES)? } else { None };
        let target = Self { file, earlier };
        let (nothing, done) = (Value::Object(Map::new()), Verdict::Returned(Value::Null));
        let made = write::Made {
            name,
            action: &args.action,
            arguments: &nothing,
            variables: &Map::new(),
            signed_in: &BTreeMap::new(),
            exchanges: &[],
            verdict: &done,
            origins: &[],
        };
        target.whole(&write::case(&made))?;
        Ok(target)
    }

    /// The file's text with this case in it. It must be a case file again: two cases of one name would not be.
    fn whole(&self, case: &str) -> Result<String, Refusal> {
        let shown = visible(&self.file.display().to_string());
        let mut whole = format!("# A recorded call. Replies may hold personal data.\n{case}");
        if let Some(earlier) = &self.earlier {
            whole = format!("{}\n\n{whole}", earlier.trim_end());
        }
        if whole.len() > read::FILE_BYTES {
            let repair = "record a call that asks for less, or write to a file of its own";
            return Err(Refusal::new(Code::BadConfig, format!("{shown} would have more than 4 MiB"), repair));
        }
        // Files that it names are looked for in the project, which is the folder above.
        let absolute = std::path::absolute(&self.file).unwrap_or_else(|_| self.file.clone());
        let above = absolute.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        read::cases(&whole, &shown, &folders::named_folder(above)?)?;
        Ok(whole)
    }

    fn write(&self, case: &str, args: &args::Record) -> Result<(), Refusal> {
        let whole = self.whole(case)?;
        if self.earlier.is_some() || args.force {
            folders::write_named_file(&self.file, whole.as_bytes())
        } else {
            folders::make_named_file(&self.file, whole.as_bytes())
        }
    }
}
