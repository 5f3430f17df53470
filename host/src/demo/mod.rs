//! `hotcell demo`: the whole product on one page. A loopback server that demands a token, a store that holds one, an
//! honest tool that works, the same tool without the scope, and a hostile tool with empty hands. It uses the commands
//! and the library just as a person does, in a folder of its own that is removed at the end.

mod server;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use hotcell_protocol::Code;
use hotcell_protocol::LogLine;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::text::cut;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::Called;
use crate::Host;
use crate::Places;
use crate::Request;
use crate::Watcher;
use crate::cli::Exit;
use crate::cli::args;
use crate::cli::output;
use crate::folders;
use crate::random;
use server::Server;

/// What each token of the demonstration starts with, so that the prober knows what to look for.
const MARKER: &str = "hc_demo_";

/// What happened, for `--json`.
#[derive(Debug, Serialize)]
struct Report {
    listed: usize,
    refused: Refusal,
    attacks: usize,
    attacks_that_got_a_token: usize,
    authorised_requests: u32,
    places_searched: usize,
    places_with_a_token: Vec<String>,
}

/// Runs the demonstration.
///
/// # Errors
/// Whatever refuses where nothing should: a demonstration that does not show what it says has failed.
pub(crate) async fn run(args: &args::Demo) -> Result<Exit, Refusal> {
    let folder = tempfile::Builder::new()
        .prefix("hotcell-demo-")
        .tempdir()
        .map_err(|error| Refusal::internal(format!("no temporary folder: {}", error.kind())))?;
    let token = new_token()?;
    let server = Server::start(token.clone())
        .await
        .map_err(|error| Refusal::internal(format!("no loopback port: {}", error.kind())))?;

    output::title("1  An API that demands a token");
    output::note(&format!("{} answers only to the right bearer token.", server.origin()));
    output::note(
        "The token goes into an encrypted store, in a folder of this demonstration. Your own keychain stays as it is.",
    );
    let host = open_host(folder.path(), &server)?;
    sign_in(&host, &token)?;

    output::title("2  Two tools are installed: one honest, one hostile");
    for tool in ["github-issues", "prober"] {
        install(&host, &args.tools, tool)?;
    }

    output::title("3  The honest tool works on the API, and never sees the token");
    let mut said = Vec::new();
    let listed = list_issues(&host, &mut said).await?;

    output::title("4  The same tool asks for more than the token may do");
    let refused = create_issue(&host, &mut said).await?;

    output::title("5  The hostile tool tries everything to see the token");
    let findings = probe(&host, &mut said).await?;
    let got = findings.iter().filter(|finding| finding["got-token"] == json!(true)).count();

    output::title("6  What was left behind");
    let (searched, found) = search(folder.path(), &said, &token)?;
    let seen = server.seen();
    output::note(&format!(
        "the server counted {} requests with the right token, {} without",
        seen.authorised, seen.refused
    ));
    match found.as_slice() {
        [] => output::good(&format!(
            "searched {searched} places (results, logs, every file of the state): no token, raw or base64"
        )),
        places => output::bad(&format!("the token was found in: {}", places.join(", "))),
    }

    let report = Report {
        listed,
        refused,
        attacks: findings.len(),
        attacks_that_got_a_token: got,
        authorised_requests: seen.authorised,
        places_searched: searched,
        places_with_a_token: found,
    };
    finish(args, &report)
}

fn finish(args: &args::Demo, report: &Report) -> Result<Exit, Refusal> {
    if args.json {
        output::json(report)?;
    }
    if report.attacks_that_got_a_token > 0 || !report.places_with_a_token.is_empty() {
        return Err(Refusal::new(
            Code::LeakStopped,
            "the demonstration found a token where none may be",
            "do not use this build; report it",
        ));
    }
    output::title("What to try next");
    output::note("  hotcell install FILE.wasm      look at a tool, and grant what it asks for");
    output::note("  hotcell auth set github        put a token of your own into the store");
    output::note("  hotcell call TOOL ACTION       call it");
    output::note("The folder of this demonstration is removed now.");
    Ok(Exit::Done)
}

/// 256 random bits behind the marker.
fn new_token() -> Result<String, Refusal> {
    Ok(random::bytes::<32>()?.iter().fold(MARKER.to_owned(), |token, byte| format!("{token}{byte:02x}")))
}

fn open_host(folder: &Path, server: &Server) -> Result<Host, Refusal> {
    let places = Places::below(folder);
    let config = format!(
        "[service.github]\n\
         origins = [\"{}\"]\n\
         [service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n\
         # For the hostile tool: a careless operator lets it reach pages that give away what they are sent.\n\
         \"probe:echo\" = [\"GET /echo\", \"GET /debug/headers\", \"GET /redirect\"]\n",
        server.origin()
    );
    folders::replace_file(&folders::own_folder(&places.config)?, crate::config::FILE, config.as_bytes())?;
    output::dim(config.trim_end());
    let key = places.state.join("demo.key");
    let keys = Box::new(crate::keys::KeyFileIn(key.clone()));
    let host = crate::cli::with_own_program(Host::open(&places, keys)?);
    host.make_store(&hotcell_vault::Key::KeyFile(key))?;
    Ok(host)
}

fn sign_in(host: &Host, token: &str) -> Result<(), Refusal> {
    let scopes = ["issues:read", "probe:echo"];
    host.sign_in("github", token.to_owned(), &scopes.map(str::to_owned), None)?;
    output::good(&format!("signed in to github with the scopes {}", scopes.join(", ")));
    Ok(())
}

fn install(host: &Host, tools: &Path, tool: &str) -> Result<(), Refusal> {
    let file: PathBuf = tools.join(format!("{tool}.wasm"));
    if !file.is_file() {
        return Err(Refusal::new(
            Code::BadComponent,
            format!("{} is not there", file.display()),
            "build the example tools first: cargo x guests (or run all of it: cargo x demo)",
        ));
    }
    crate::cli::install(
        host,
        &args::Install { file, executor: args::Executor::default(), manifest: None, yes: true, json: false },
    )
}

/// Keeps what a tool logs, for the search at the end.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Watcher for Lines {
    fn log(&self, line: &LogLine) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.text.clone());
    }

    fn progress(&self, progress: &Progress) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(progress.note.clone());
    }
}

/// Calls an action and shows the command that does the same.
async fn call(
    host: &Host,
    said: &mut Vec<String>,
    tool: &str,
    action: &str,
    arguments: Value,
) -> Result<Called, Refusal> {
    output::dim(&format!("$ hotcell call {tool} {action} --json '{arguments}'"));
    let request = Request { tool: tool.into(), action: action.into(), arguments, deadline: None };
    let lines = Arc::new(Lines::default());
    let called = crate::call(host, request, Arc::clone(&lines) as _).await?;
    said.push(serde_json::to_string(&called).unwrap_or_default());
    said.push(lines.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n"));
    Ok(called)
}

async fn list_issues(host: &Host, said: &mut Vec<String>) -> Result<usize, Refusal> {
    let arguments = json!({"owner": "hotcell", "repo": "demo"});
    let called = call(host, said, "github-issues", "list-issues", arguments).await?;
    let Verdict::Returned(Value::Array(issues)) = &called.outcome.verdict else {
        return Err(unexpected("list-issues did not return issues", &called));
    };
    for issue in issues {
        output::note(&format!("  #{} {}", issue["number"], issue["title"].as_str().unwrap_or_default()));
    }
    output::good(&format!("{} issues in {} ms", issues.len(), called.outcome.cost.wall.as_millis()));
    Ok(issues.len())
}

async fn create_issue(host: &Host, said: &mut Vec<String>) -> Result<Refusal, Refusal> {
    let arguments = json!({"owner": "hotcell", "repo": "demo", "title": "Let me in", "labels": []});
    let called = call(host, said, "github-issues", "create-issue", arguments).await?;
    let Some(refusal) = called.refusals.iter().find(|refusal| refusal.code == Code::InsufficientScope) else {
        return Err(unexpected("create-issue was not refused for its scope", &called));
    };
    output::refusal(refusal);
    output::good("refused before anything was sent");
    Ok(refusal.clone())
}

async fn probe(host: &Host, said: &mut Vec<String>) -> Result<Vec<Value>, Refusal> {
    let called = call(host, said, "prober", "probe", json!({"marker": MARKER})).await?;
    let Verdict::Returned(Value::Array(findings)) = &called.outcome.verdict else {
        return Err(unexpected("the prober did not report", &called));
    };
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            let got = if finding["got-token"] == json!(true) { "TOKEN" } else { "nothing" };
            vec![text(finding, "attack"), got.to_owned(), cut(&text(finding, "outcome"), 60)]
        })
        .collect();
    output::note(&output::table(&["ATTACK", "GOT", "WHAT CAME BACK"], &rows));
    match findings.iter().any(|finding| finding["got-token"] == json!(true)) {
        false => output::good(&format!("{} attacks, empty hands", findings.len())),
        true => output::bad("the hostile tool saw a token"),
    }
    Ok(findings.clone())
}

fn unexpected(what: &str, called: &Called) -> Refusal {
    for refusal in &called.refusals {
        output::refusal(refusal);
    }
    Refusal::internal(format!("{what}: {:?}", called.outcome.verdict))
}

/// Searches everything that tools returned and every file of the folder for the token, raw and in base64.
fn search(folder: &Path, said: &[String], token: &str) -> Result<(usize, Vec<String>), Refusal> {
    let forms = forms_of(token);
    let holds =
        |bytes: &[u8]| forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_bytes()));
    let mut searched = 0;
    let mut found = Vec::new();
    for (number, text) in said.iter().enumerate() {
        searched += 1;
        if holds(text.as_bytes()) {
            found.push(format!("the {} of call {}", if number % 2 == 0 { "outcome" } else { "log" }, number / 2 + 1));
        }
    }
    for (path, bytes) in files_below(folder)? {
        searched += 1;
        if holds(&bytes) {
            found.push(path.display().to_string());
        }
    }
    Ok((searched, found))
}

/// The token itself, and the part of each base64 alignment that does not depend on what stands around it.
fn forms_of(token: &str) -> Vec<String> {
    use base64::Engine as _;
    let mut forms = vec![token.to_owned()];
    for shift in 0..3 {
        let padded = [&vec![0; shift][..], token.as_bytes()].concat();
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(padded);
        let first = if shift == 0 { 0 } else { 4 };
        forms.extend(encoded.get(first..encoded.len().saturating_sub(4)).map(str::to_owned));
    }
    forms
}

#[expect(clippy::disallowed_methods, reason = "reads back, as a searcher from outside, what the demonstration left")]
fn files_below(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Refusal> {
    let broken = |error: std::io::Error| Refusal::internal(format!("the folder cannot be searched: {}", error.kind()));
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(broken)? {
            let path = entry.map_err(broken)?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).map_err(broken)?;
                files.push((path, bytes));
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    #[test]
    fn the_search_finds_a_token_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let token = new_token().unwrap();
        assert_eq!(search(folder.path(), &[], &token).unwrap(), (0, vec![]));
        for (name, text) in [
            ("raw", format!("x{token}y")),
            ("base64", base64::engine::general_purpose::STANDARD.encode(format!("Bearer {token} and more"))),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let (searched, found) = search(folder.path(), &[format!("said {token}")], &token).unwrap();
        assert_eq!((searched, found.len()), (3, 3), "{found:?}");
    }
}
