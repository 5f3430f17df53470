//! `hotcell auth`: tokens in, a look at them, tokens out. No output here holds a secret.

use std::time::Duration;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_vault::Condition;
use hotcell_vault::Metadata;
use serde::Serialize;

use super::Exit;
use super::args;
use super::ask;
use super::keys;
use super::output;
use crate::Host;

pub(super) fn set(host: &Host, args: &args::AuthSet) -> Result<(), Refusal> {
    known(host, &args.service)?;
    host.refuse_unknown_scopes(&args.service, &args.scopes)?;
    // The store first: nobody should type a token only to learn that there is no place for it.
    if host.store()?.is_none() {
        host.make_store(&keys::choose(args)?)?;
    } else if args.store.is_some() || args.key_file.is_some() {
        output::note("the store exists already; its key stays where it is");
    }
    let token = ask::secret(&format!("Token for {} (not shown): ", args.service))?;
    let token = token.trim().to_owned();
    host.sign_in(&args.service, token, &args.scopes, args.expires_in.map(Duration::from_secs))?;
    output::good(&format!("the token of {} is stored, its key is in {}", args.service, backend(host)?));
    if args.scopes.is_empty() {
        output::note("it has no scope, so no action can use it: hotcell auth set takes --scope");
    }
    if args.json { output::json(&metadata(host, &args.service)?) } else { Ok(()) }
}

#[derive(Serialize)]
struct Status {
    service: String,
    signed_in: bool,
    #[serde(flatten)]
    metadata: Option<Metadata>,
    tools: Vec<String>,
}

pub(super) fn status(host: &Host, args: &args::AuthStatus) -> Result<Exit, Refusal> {
    let mut names: Vec<String> = host.services().names().map(str::to_owned).collect();
    let stored = match host.store()? {
        Some(store) => store.metadata()?,
        None => Vec::new(),
    };
    names.extend(stored.iter().map(|metadata| metadata.service.clone()));
    names.sort();
    names.dedup();
    if let Some(service) = &args.service {
        if !names.contains(service) {
            known(host, service)?;
        }
        names.retain(|name| name == service);
    }
    let statuses = names.into_iter().map(|service| status_of(host, service, &stored)).collect::<Result<Vec<_>, _>>()?;
    if args.json {
        output::json(&statuses)?;
    } else {
        show(&statuses);
    }
    let usable = |status: &Status| status.metadata.as_ref().is_some_and(is_usable);
    Ok(match statuses.iter().any(|status| status.signed_in) {
        true if statuses.iter().any(usable) => Exit::Done,
        true => Exit::Expired,
        false => Exit::ToolError,
    })
}

fn status_of(host: &Host, service: String, stored: &[Metadata]) -> Result<Status, Refusal> {
    let metadata = stored.iter().find(|metadata| metadata.service == service && metadata.is_default).cloned();
    let uses = |granted: &crate::Granted| granted.actions.values().any(|action| action.services.contains_key(&service));
    let tools = host.catalog().grants()?.into_values().filter(uses).map(|granted| granted.name).collect();
    Ok(Status { signed_in: metadata.is_some(), metadata, tools, service })
}

fn is_usable(metadata: &Metadata) -> bool {
    metadata.state != Condition::SignInRequired && (!metadata.expired || metadata.refreshable)
}

fn state_of(metadata: &Metadata) -> &'static str {
    match metadata.state {
        Condition::SignInRequired => "sign in again",
        Condition::Refreshing => "refreshing",
        Condition::Active if metadata.expired && metadata.refreshable => "refreshed when used",
        Condition::Active if metadata.expired => "expired",
        Condition::Active => "signed in",
    }
}

fn show(statuses: &[Status]) {
    if statuses.is_empty() {
        output::note("no service is set up: write [service.NAME] into config.toml");
        return;
    }
    let rows: Vec<_> = statuses
        .iter()
        .map(|status| {
            let (state, scopes, expires, key) = match &status.metadata {
                None => ("not signed in".to_owned(), String::new(), String::new(), String::new()),
                Some(metadata) => (
                    state_of(metadata).to_owned(),
                    metadata.scopes.iter().cloned().collect::<Vec<_>>().join(", "),
                    metadata.expires_at.map_or_else(|| "not known".to_owned(), time),
                    metadata.backend.to_string(),
                ),
            };
            vec![status.service.clone(), state, scopes, expires, key, status.tools.join(", ")]
        })
        .collect();
    output::line(&output::table(&["SERVICE", "STATE", "SCOPES", "EXPIRES", "KEY IN", "USED BY"], &rows));
}

fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "far away".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

pub(super) async fn logout(host: &Host, args: &args::AuthLogout) -> Result<(), Refusal> {
    let nobody = || {
        Refusal::new(
            Code::NeedsLogin,
            format!("nobody is signed in to {}", args.service),
            "hotcell auth status shows who is",
        )
    };
    let store = host.store()?.ok_or_else(nobody)?;
    let revoked = store.clear_token(&args.service).await.map_err(|error| match Refusal::from(error) {
        refusal if refusal.code == Code::NeedsLogin => nobody(),
        refusal => refusal,
    })?;
    output::good(&format!("the token of {} is taken out of the store", args.service));
    if revoked {
        output::good("the server has revoked it");
    } else {
        output::note("the server still accepts it until it expires: revoke it there too");
    }
    if args.json { output::json(&serde_json::json!({"service": args.service, "signed_in": false})) } else { Ok(()) }
}

fn known(host: &Host, service: &str) -> Result<(), Refusal> {
    if host.services().names().any(|name| name == service) {
        return Ok(());
    }
    let known: Vec<_> = host.services().names().collect();
    let known =
        if known.is_empty() { "none is set up yet".to_owned() } else { format!("set up are: {}", known.join(", ")) };
    Err(Refusal::new(
        Code::BadConfig,
        format!(
            "the service {} is not set up",
            hotcell_protocol::text::cut(&hotcell_protocol::text::visible(service), 80)
        ),
        format!("write [service.{service}] into {}; {known}", host.config_path().display()),
    ))
}

fn metadata(host: &Host, service: &str) -> Result<Option<Metadata>, Refusal> {
    Ok(host.store()?.and_then(|store| store.cached_metadata(service)))
}

fn backend(host: &Host) -> Result<String, Refusal> {
    let stored = host.store()?.map(|store| store.metadata()).transpose()?.unwrap_or_default();
    Ok(stored.first().map_or_else(String::new, |metadata| metadata.backend.to_string()))
}
