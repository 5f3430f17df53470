//! `hotcell record`: one live call, by the way of every other call, written down as a case. What is written is what the tool saw:
//! requests before anything of the host's was added, answers after the scan. It is searched for every live secret once more.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hotcell_gate::Gate;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::text::visible;
use serde::Serialize;

use super::super::Exit;
use super::super::args;
use super::super::call::read_arguments;
use super::super::output;
use super::given_up;
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
    let file = out(args)?;
    let name = args.name.clone().unwrap_or_else(|| format!("{} {}", args.action, jiff::Timestamp::now()));
    let arguments = read_arguments(host, &args.tool, &args.action, args.arguments.as_deref(), &args.args)?;
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
        () = stop::stopped() => return Err(given_up()),
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
    let tool = host.tool(&granted)?;
    let variables = tool.variables(host.variables(&args.tool), &args.tool, &args.action)?;
    let made = write::Made {
        name: &name,
        action,
        arguments: &arguments,
        variables: &variables,
        exchanges,
        verdict,
        origins: &origins,
    };
    let text = write::case(&made);
    refuse_secrets(&*host.gate(&grant)?, &text, &seen.exchanges, &called.outcome.verdict)?;
    write_file(&file, &text, args)?;
    output::good(&format!("{} is written: {}", file.display(), count(seen.exchanges.len(), "request")));
    output::note(
        "it holds no token, and all that the service answered: look through it for personal data before others get it",
    );
    for refusal in &called.refusals {
        output::refusal(refusal);
    }
    if args.json {
        output::json(&Recorded { file: &file, case: &name, requests: seen.exchanges.len() })?;
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
    let result = match verdict {
        Verdict::Returned(value) | Verdict::Failed(value) => holds(value.to_string().as_bytes()),
        Verdict::Refused(_) => false,
    };
    if holds(text.as_bytes()) || result || exchanges.iter().any(of) {
        return Err(not_written("the case would hold a credential"));
    }
    Ok(())
}

fn not_written(why: &str) -> Refusal {
    Refusal::new(Code::LeakStopped, format!("{why}, so nothing was written"), "look at the call: hotcell audit")
}

fn write_file(file: &Path, text: &str, args: &args::Record) -> Result<(), Refusal> {
    let shown = visible(&file.display().to_string());
    let mut whole = format!("# A recorded call. Replies may hold personal data.\n{text}");
    let earlier = if args.append { folders::read_foreign_file(file, read::FILE_BYTES)? } else { None };
    if let Some(earlier) = &earlier {
        whole = format!("{}\n\n{whole}", earlier.trim_end());
    }
    if whole.len() > read::FILE_BYTES {
        let repair = "record a call that asks for less, or write to a file of its own";
        return Err(Refusal::new(Code::BadConfig, format!("{shown} would have more than 4 MiB"), repair));
    }
    // What is written must be a case file again: two cases of one name would not be. Files that it names are looked for in the
    // project, which is the folder above.
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let above = absolute.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    read::cases(&whole, &shown, &folders::named_folder(above)?)?;
    if earlier.is_some() || args.force {
        folders::write_named_file(file, whole.as_bytes())
    } else {
        folders::make_named_file(file, whole.as_bytes())
    }
}
