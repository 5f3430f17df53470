//! `hotcell auth status`: who is signed in where, as whom, for what, and whether it works. Decrypts no secret.

use std::collections::BTreeMap;

use hotcell_gate::EnforcedBy;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use hotcell_vault::Condition;
use hotcell_vault::Metadata;
use serde::Serialize;

use super::known;
use super::time;
use super::whose::Whose;
use crate::Granted;
use crate::Host;
use crate::cli::Exit;
use crate::cli::args;
use crate::cli::output;

#[derive(Serialize)]
struct Status {
    /// Serialised with the metadata, where there is some: the same key twice would be no JSON (RFC 8259 section 4).
    #[serde(skip_serializing_if = "Option::is_none", rename = "service")]
    alone: Option<String>,
    #[serde(skip)]
    service: String,
    signed_in: bool,
    #[serde(flatten)]
    metadata: Option<Metadata>,
    /// Who sees to it that each scope is kept.
    enforced_by: BTreeMap<String, EnforcedBy>,
    /// Tools that may use it.
    tools: Vec<String>,
    /// Tools that may not any more, because answers to them held a credential.
    suspended: Vec<String>,
    /// What `--check` found, where it was asked for.
    check: Option<Checked>,
}

#[derive(Serialize)]
struct Checked {
    usable: bool,
    refusal: Option<Refusal>,
}

pub(crate) async fn status(host: &Host, args: &args::AuthStatus) -> Result<Exit, Refusal> {
    match look(host, args).await {
        // This command's own code for a store that cannot be used: scripts tell it from "not signed in".
        Err(refusal) if refusal.code == Code::StoreUnavailable => {
            output::refusal(&refusal);
            Ok(Exit::Refused)
        }
        other => other,
    }
}

async fn look(host: &Host, args: &args::AuthStatus) -> Result<Exit, Refusal> {
    let whose = Whose::of(host, None, args.user.as_deref())?;
    let mut stored = match host.store()? {
        Some(store) => store.metadata()?,
        None => Vec::new(),
    };
    stored.retain(|metadata| whose.account().is_none_or(|account| account == metadata.account));
    let mut names: Vec<String> = host.services().names().map(str::to_owned).collect();
    names.extend(stored.iter().map(|metadata| metadata.service.clone()));
    names.sort();
    names.dedup();
    if let Some(service) = &args.service {
        if !names.contains(service) {
            known(host, service)?;
        }
        names.retain(|name| name == service);
    }
    let grants = host.catalog().grants()?;
    let mut statuses = Vec::new();
    for service in names {
        let accounts: Vec<_> = stored.iter().filter(|metadata| metadata.service == service).cloned().collect();
        if accounts.is_empty() {
            statuses.push(status_of(host, service, None, &grants)?);
            continue;
        }
        for metadata in accounts {
            let check = if args.check { Some(check(host, &metadata).await?) } else { None };
            let status = status_of(host, service.clone(), Some(metadata), &grants)?;
            statuses.push(Status { check, ..status });
        }
    }
    if args.json {
        output::json(&statuses)?;
    } else {
        show(&statuses);
    }
    let usable = |status: &Status| {
        let by_itself = status.metadata.as_ref().is_some_and(is_usable);
        status.check.as_ref().map_or(by_itself, |check| check.usable)
    };
    Ok(match statuses.iter().any(|status| status.signed_in) {
        true if statuses.iter().any(usable) => Exit::Done,
        true => Exit::Expired,
        false => Exit::ToolError,
    })
}

/// Gets the token as a request would, refreshed if it is due.
async fn check(host: &Host, metadata: &Metadata) -> Result<Checked, Refusal> {
    let Some(store) = host.store()? else { return Ok(Checked { usable: false, refusal: None }) };
    let got = store.get_token((metadata.service.as_str(), metadata.account.as_str()), None).await;
    let refusal = got.err().map(Refusal::from);
    Ok(Checked { usable: refusal.is_none(), refusal })
}

fn status_of(
    host: &Host,
    service: String,
    metadata: Option<Metadata>,
    grants: &BTreeMap<String, Granted>,
) -> Result<Status, Refusal> {
    let uses = |granted: &&Granted| granted.actions.values().any(|action| action.services.contains_key(&service));
    let mut suspended = Vec::new();
    for granted in grants.values().filter(uses) {
        if host.strikes().suspended(granted.digest)?.contains(&service) {
            suspended.push(granted.name.clone());
        }
    }
    let tools = grants.values().filter(uses).map(|granted| granted.name.clone()).collect();
    let explained = host.services().explain();
    let scopes = explained.iter().filter(|explained| explained.name == service).flat_map(|explained| &explained.scopes);
    let held = |name: &String| metadata.as_ref().is_some_and(|metadata| metadata.scopes.contains(name));
    let enforced_by = scopes.filter(|scope| held(&scope.name)).map(|scope| (scope.name.clone(), scope.enforced_by));
    let enforced_by = enforced_by.collect();
    let alone = metadata.is_none().then(|| service.clone());
    let signed_in = metadata.is_some();
    Ok(Status { alone, signed_in, metadata, enforced_by, tools, suspended, service, check: None })
}

fn is_usable(metadata: &Metadata) -> bool {
    metadata.state != Condition::SignInRequired && (!metadata.expired || metadata.refreshable)
}

fn state_of(metadata: &Metadata) -> String {
    match metadata.state {
        Condition::SignInRequired => {
            let reason = metadata.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("sign in again{reason}")
        }
        Condition::Refreshing => "refreshing".into(),
        Condition::Active if metadata.expired && metadata.refreshable => "refreshed when used".into(),
        Condition::Active if metadata.expired => "expired".into(),
        Condition::Active => "signed in".into(),
    }
}

fn show(statuses: &[Status]) {
    if statuses.is_empty() {
        output::note("no service is set up: see hotcell auth services");
        return;
    }
    let rows: Vec<_> = statuses.iter().map(row).collect();
    output::line(&output::table(&["SERVICE", "ACCOUNT", "STATE", "SCOPES", "EXPIRES", "KEY IN", "USED BY"], &rows));
    let by_hotcell: Vec<_> = statuses
        .iter()
        .flat_map(|status| status.enforced_by.iter().map(move |(scope, by)| (&status.service, scope, by)))
        .filter(|(_, _, by)| **by == EnforcedBy::Hotcell)
        .map(|(service, scope, _)| format!("{service}/{scope}"))
        .collect();
    if !by_hotcell.is_empty() {
        output::dim(&format!("* kept by Hotcell alone, the token itself can do more: {}", by_hotcell.join(", ")));
    }
    for status in statuses {
        if let Some(Checked { refusal: Some(refusal), .. }) = &status.check {
            output::refusal(refusal);
        }
        for tool in &status.suspended {
            output::bad(&format!("{tool} is suspended for {}: hotcell resume {tool}", status.service));
        }
    }
}

fn row(status: &Status) -> Vec<String> {
    let tools = status.tools.join(", ");
    let Some(metadata) = &status.metadata else {
        let empty = String::new;
        return vec![status.service.clone(), empty(), "not signed in".into(), empty(), empty(), empty(), tools];
    };
    let mut account = match &metadata.user {
        Some(user) => format!("user {}", visible(user)),
        None => metadata.account.clone(),
    };
    if metadata.is_default {
        account.push_str(" (default)");
    }
    if let Some(name) = &metadata.display_account {
        account = format!("{account}\n{}", visible(name));
    }
    let scopes = metadata.scopes.iter().map(|scope| match status.enforced_by.get(scope) {
        Some(EnforcedBy::Hotcell) => format!("{scope}*"),
        _ => scope.clone(),
    });
    let expires = match (metadata.expires_at, metadata.refreshable) {
        (None, _) => "not known".to_owned(),
        (Some(at), true) => format!("{} (refreshed)", time(at)),
        (Some(at), false) => time(at),
    };
    vec![
        status.service.clone(),
        account,
        state_of(metadata),
        scopes.collect::<Vec<_>>().join(", "),
        expires,
        metadata.backend.to_string(),
        tools,
    ]
}
