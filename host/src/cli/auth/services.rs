//! `hotcell auth services`: which services there are, what each scope allows, who enforces it, and what is still to be written.

use hotcell_gate::EnforcedBy;
use hotcell_gate::Explained;
use hotcell_gate::Services;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde::Serialize;

use crate::Host;
use crate::cli::args;
use crate::cli::output;

#[derive(Serialize)]
struct Listed {
    /// Set up in config.toml.
    services: Vec<Explained>,
    /// Known, and taken with `preset = "NAME"`.
    presets: Vec<Explained>,
}

pub(crate) fn services(host: &Host, args: &args::AuthServices) -> Result<(), Refusal> {
    let mut listed = Listed { services: host.services().explain(), presets: Services::presets()? };
    if let Some(name) = &args.service {
        listed.services.retain(|service| service.name == *name);
        listed.presets.retain(|preset| preset.name == *name);
        if listed.services.is_empty() && listed.presets.is_empty() {
            return Err(unknown(host, name));
        }
    }
    if args.json {
        return output::json(&listed);
    }
    if args.service.is_some() {
        let of = listed.services.first().map(|service| (service, true));
        if let Some((service, set_up)) = of.or_else(|| listed.presets.first().map(|preset| (preset, false))) {
            show(host, service, set_up);
        }
        return Ok(());
    }
    table(&listed);
    output::dim(&format!("set one up in {}, or look at one: hotcell auth services NAME", host.config_path().display()));
    Ok(())
}

fn table(listed: &Listed) {
    let row = |service: &Explained, state: &str| {
        vec![service.name.clone(), state.to_owned(), ways(service), visible(&service.description)]
    };
    let missing = |service: &Explained| match service.missing.as_slice() {
        [] => "set up".to_owned(),
        missing => format!("lacks {}", missing.iter().map(|lack| lack.field).collect::<Vec<_>>().join(", ")),
    };
    let set_up = |name: &str| listed.services.iter().any(|service| service.name == name);
    let mut rows: Vec<_> = listed.services.iter().map(|service| row(service, &missing(service))).collect();
    rows.extend(listed.presets.iter().filter(|preset| !set_up(&preset.name)).map(|preset| row(preset, "preset")));
    output::line(&output::table(&["SERVICE", "STATE", "SIGN-IN", "WHAT IT IS"], &rows));
}

fn ways(service: &Explained) -> String {
    let ways = service.sign_in.iter().flat_map(|sign_in| &sign_in.grants);
    let ways: Vec<_> = ways.filter_map(|flow| serde_json::to_value(flow).ok()?.as_str().map(str::to_owned)).collect();
    if ways.is_empty() { "key".to_owned() } else { ways.join(", ") }
}

fn show(host: &Host, service: &Explained, set_up: bool) {
    output::line(&format!("{}  {}", service.name, visible(&service.description)));
    let origins = if service.origins.is_empty() { "(to be written)".to_owned() } else { service.origins.join(", ") };
    output::line(&format!("the token goes to {origins} in the header {}, and nowhere else", service.header));
    output::line(&format!("sign-in: {}", ways(service)));
    let rows: Vec<_> = service
        .scopes
        .iter()
        .map(|scope| {
            let by = match scope.enforced_by {
                EnforcedBy::Both => format!("Hotcell, and the server as {}", scope.server_scopes.join(" ")),
                EnforcedBy::Hotcell => "Hotcell alone".to_owned(),
            };
            vec![scope.name.clone(), scope.rules.join("\n"), by]
        })
        .collect();
    output::line(&output::table(&["SCOPE", "ALLOWS", "ENFORCED BY"], &rows));
    if !service.anonymous.is_empty() {
        output::line(&format!("without a token: {}", service.anonymous.join(", ")));
    }
    if !service.denied.is_empty() {
        output::line(&format!("never, whatever a scope says: {}", service.denied.join(", ")));
    }
    if !set_up {
        output::note(&format!("to use it, write into {}:", host.config_path().display()));
        output::note(&format!("  [service.{0}]\n  preset = \"{0}\"", service.name));
    }
    for missing in &service.missing {
        output::bad(&format!("`{}` is to be written by you: {}", missing.field, missing.repair));
    }
}

/// The refusal for a service that is not set up: with the lines that would set it up, where it is a known one.
pub(super) fn unknown(host: &Host, service: &str) -> Refusal {
    let shown = cut(&visible(service), 80);
    let known: Vec<_> = host.services().names().collect();
    let known =
        if known.is_empty() { "none is set up yet".to_owned() } else { format!("set up are: {}", known.join(", ")) };
    let is_preset = Services::presets().is_ok_and(|presets| presets.iter().any(|preset| preset.name == service));
    let lines =
        if is_preset { format!("[service.{shown}] and preset = \"{shown}\"") } else { format!("[service.{shown}]") };
    Refusal::new(
        Code::BadConfig,
        format!("the service {shown} is not set up"),
        format!("write {lines} into {}; {known}", host.config_path().display()),
    )
}
