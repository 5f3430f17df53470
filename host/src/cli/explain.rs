//! `hotcell explain`: walks the decision on a request, without sending it. And `grant`, `revoke`, `resume`: a person's
//! changes to what a tool may do. None of them can be reached by a tool or an agent.

use hotcell_gate::Decision;
use hotcell_protocol::Code;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use serde::Serialize;

use super::Exit;
use super::args;
use super::output;
use crate::Granted;
use crate::GrantedAction;
use crate::Host;

#[derive(Serialize)]
struct Walked {
    action: String,
    allowed: bool,
    #[serde(flatten)]
    terms: Option<Decision>,
    refusal: Option<Refusal>,
    token: Option<String>,
}

pub(super) fn explain(host: &Host, args: &args::Explain) -> Result<Exit, Refusal> {
    let granted = host.catalog().find(&args.tool)?;
    let method = Method::parse(&args.method.to_ascii_uppercase()).ok_or_else(|| {
        Refusal::new(
            Code::BadArguments,
            "that is no method that a tool can use",
            "use GET, HEAD, POST, PUT, PATCH or DELETE",
        )
    })?;
    let decisions: Vec<_> = granted
        .actions
        .keys()
        .filter(|action| args.action.as_ref().is_none_or(|wanted| wanted == *action))
        .map(|action| decide(host, &granted, action, method, &args.url))
        .collect::<Result<_, _>>()?;
    let suspended = host.strikes().suspended(granted.digest)?;
    if args.json {
        output::json(&serde_json::json!({"decisions": decisions, "suspended": suspended}))?;
    } else {
        for decision in &decisions {
            show(decision);
        }
        if decisions.is_empty() {
            output::note("the tool's manifest asks for nothing, so no action of it may send anything");
        }
        for service in &suspended {
            output::bad(&format!("but {0} is suspended for {service}: hotcell resume {0}", granted.name));
        }
    }
    Ok(if decisions.iter().any(|decision| decision.allowed) { Exit::Done } else { Exit::Refused })
}

fn decide(host: &Host, granted: &Granted, action: &str, method: Method, url: &str) -> Result<Walked, Refusal> {
    let nothing = GrantedAction::default();
    let held = granted.actions.get(action).unwrap_or(&nothing);
    let grant = crate::call::grant(&granted.name, granted.digest, action, &held.services, &held.public)?;
    let action = action.to_owned();
    let held = |service: &str| {
        let metadata = host.store().ok().flatten().and_then(|store| store.cached_metadata(service));
        metadata.map(|metadata| metadata.scopes).unwrap_or_default()
    };
    match host.services().decide(&grant, method, url, held) {
        Ok(terms) => {
            let token = token(host, &terms)?;
            Ok(Walked { action, allowed: true, terms: Some(terms), refusal: None, token })
        }
        Err(refusal) => Ok(Walked { action, allowed: false, terms: None, refusal: Some(refusal), token: None }),
    }
}

/// What the store says of the token that the request would carry.
fn token(host: &Host, terms: &Decision) -> Result<Option<String>, Refusal> {
    let (Some(service), Some(scope)) = (&terms.service, &terms.scope) else { return Ok(None) };
    let metadata = host.store()?.and_then(|store| store.cached_metadata(service));
    Ok(Some(match metadata {
        None => "nobody is signed in".to_owned(),
        Some(metadata) if metadata.expired && !metadata.refreshable => "expired".to_owned(),
        Some(metadata) if !metadata.scopes.contains(scope) => format!("lacks the scope {scope}"),
        Some(_) => "there".to_owned(),
    }))
}

fn show(decision: &Walked) {
    match (&decision.terms, &decision.refusal) {
        (Some(terms), _) => {
            output::good(&format!("{}: allowed by {}", decision.action, terms.rule));
            let with = match (&terms.service, &terms.scope) {
                (Some(service), Some(scope)) => {
                    let token = decision.token.as_deref().unwrap_or_default();
                    format!("with the token of {service}, scope {scope} (token: {token})")
                }
                (Some(service), None) => format!("as a request of {service} without a token"),
                (None, _) => "to a public origin, without a token".to_owned(),
            };
            output::note(&format!("   {with}"));
        }
        (None, Some(refusal)) => {
            output::bad(&format!("{}: {}: {}", decision.action, refusal.code, refusal.message));
            output::note(&format!("   {}", refusal.hint));
        }
        (None, None) => {}
    }
}

/// Takes parts of a grant back: the tool stays installed, and may do less.
pub(super) fn revoke(host: &Host, args: &args::Change) -> Result<(), Refusal> {
    let changed = host.catalog().change(&args.tool, |granted| {
        for (action, held) in &mut granted.actions {
            if args.action.as_ref().is_some_and(|wanted| wanted != action) {
                continue;
            }
            match (&args.service, &args.scope) {
                (None, _) => *held = GrantedAction::default(),
                (Some(service), None) => drop(held.services.remove(service)),
                (Some(service), Some(scope)) => {
                    if let Some(scopes) = held.services.get_mut(service) {
                        scopes.remove(scope);
                        // Without its last scope a service would still allow requests without a token: less was meant.
                        if scopes.is_empty() {
                            held.services.remove(service);
                        }
                    }
                }
            }
        }
        Ok(())
    })?;
    told(args, &changed, "now may do less")
}

/// Gives back what the manifest asks for, all of it or a part.
pub(super) fn grant(host: &Host, args: &args::Change) -> Result<(), Refusal> {
    let granted = host.catalog().find(&args.tool)?;
    let package = crate::Package::new(host.catalog().component(&granted)?, None)?;
    host.examine(&package)?;
    let asked = Granted::all_of(&package.manifest, package.digest, jiff::Timestamp::now());
    let changed = host.catalog().change(&args.tool, |granted| {
        for (action, asked) in &asked.actions {
            if args.action.as_ref().is_some_and(|wanted| wanted != action) {
                continue;
            }
            let held = granted.actions.entry(action.clone()).or_default();
            for (service, scopes) in &asked.services {
                if args.service.as_ref().is_none_or(|wanted| wanted == service) {
                    let wanted =
                        scopes.iter().filter(|scope| args.scope.as_ref().is_none_or(|wanted| wanted == *scope));
                    held.services.entry(service.clone()).or_default().extend(wanted.cloned());
                }
            }
            if args.service.is_none() {
                held.public.extend(asked.public.iter().cloned());
            }
        }
        Ok(())
    })?;
    told(args, &changed, "may do again what was granted")
}

fn told(args: &args::Change, changed: &Granted, what: &str) -> Result<(), Refusal> {
    output::good(&format!("{} {what}; see: hotcell inspect {0}", changed.name));
    if args.json { output::json(changed) } else { Ok(()) }
}

/// Lifts a suspension.
pub(super) fn resume(host: &Host, args: &args::Resume) -> Result<(), Refusal> {
    let granted = host.catalog().find(&args.tool)?;
    let services = host.strikes().forget(granted.digest)?;
    match services.as_slice() {
        [] => output::note(&format!("{} has no strike", granted.name)),
        services => output::good(&format!("the strikes of {} are forgotten ({})", granted.name, services.join(", "))),
    }
    if args.json { output::json(&serde_json::json!({"tool": granted.name, "services": services})) } else { Ok(()) }
}
