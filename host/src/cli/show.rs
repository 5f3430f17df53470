//! `hotcell list` and `hotcell inspect`: what is installed, and what a tool can do. Runs no guest code.

use std::path::Path;

use hotcell_protocol::Action;
use hotcell_protocol::Description;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::text::visible;
use serde::Serialize;

use super::args;
use super::install;
use super::output;
use crate::Granted;
use crate::Host;
use crate::Manifest;
use crate::Package;

pub(super) fn list(host: &Host, args: &args::Json) -> Result<(), Refusal> {
    let grants = host.catalog().grants()?;
    if args.json {
        return output::json(&grants.values().collect::<Vec<_>>());
    }
    if grants.is_empty() {
        output::note("no tool is installed: hotcell install FILE");
        return Ok(());
    }
    let row = |granted| Ok(row(granted, &host.strikes().suspended(granted.digest)?));
    let rows = grants.values().map(row).collect::<Result<Vec<_>, Refusal>>()?;
    output::line(&output::table(&["TOOL", "VERSION", "GRANTED", "DIGEST", "USES"], &rows));
    Ok(())
}

fn row(granted: &Granted, suspended: &[String]) -> Vec<String> {
    let mut uses: Vec<String> = granted
        .actions
        .values()
        .flat_map(|action| &action.services)
        .flat_map(|(service, scopes)| match scopes.is_empty() {
            true => vec![service.clone()],
            false => scopes.iter().map(|scope| format!("{service}/{scope}")).collect(),
        })
        .collect();
    uses.sort();
    uses.dedup();
    vec![
        granted.name.clone(),
        visible(&granted.version),
        granted.granted_at.strftime("%Y-%m-%d").to_string(),
        granted.digest.short(),
        match (uses.is_empty(), suspended) {
            (true, _) => "-".into(),
            (false, []) => uses.join(", "),
            (false, suspended) => format!("{} (suspended: {})", uses.join(", "), suspended.join(", ")),
        },
    ]
}

#[derive(Serialize)]
struct Inspected<'a> {
    manifest: &'a Manifest,
    digest: String,
    bytes: usize,
    granted: Option<&'a Granted>,
    #[serde(flatten)]
    description: &'a Description,
}

pub(super) fn inspect(host: &Host, args: &args::Inspect) -> Result<(), Refusal> {
    let (package, granted) = find(host, &args.tool)?;
    let description = host.describe(&package)?;
    if args.json {
        return output::json(&Inspected {
            manifest: &package.manifest,
            digest: package.digest.to_string(),
            bytes: package.bytes.len(),
            granted: granted.as_ref(),
            description: &description,
        });
    }
    let manifest = &package.manifest;
    output::line(&format!("{} {}  {}", manifest.name, visible(&manifest.version), visible(&manifest.description)));
    output::line(&format!("sha256 {}, {} bytes", package.digest, package.bytes.len()));
    output::line(match &granted {
        Some(_) => "granted",
        None => "not granted: hotcell install FILE",
    });
    for action in &description.actions {
        output::line(&format!("\n{}", signature(action)));
        show_grant(manifest, granted.as_ref(), action);
    }
    output::line(&format!("\nimports\n  {}", description.imports.join("\n  ")));
    Ok(())
}

/// An installed tool by name, or else a file.
fn find(host: &Host, tool: &str) -> Result<(Package, Option<Granted>), Refusal> {
    let path = Path::new(tool);
    match host.catalog().find(tool) {
        Ok(granted) => Ok((Package::new(host.catalog().component(&granted)?, None)?, Some(granted))),
        Err(_) if path.is_file() => Ok((install::package(path, None)?, None)),
        Err(refusal) => Err(refusal),
    }
}

fn show_grant(manifest: &Manifest, granted: Option<&Granted>, action: &Action) {
    if let Some(ask) = manifest.actions.get(&action.name) {
        if !ask.description.is_empty() {
            output::line(&format!("  {}", visible(&ask.description)));
        }
        for (service, scopes) in &ask.services {
            let scopes: Vec<_> = scopes.iter().map(|scope| visible(scope)).collect();
            let held = granted.and_then(|granted| granted.actions.get(&action.name));
            let verdict =
                if held.is_some_and(|held| held.services.contains_key(service)) { "granted" } else { "asks for" };
            let what = if scopes.is_empty() { "no token".to_owned() } else { scopes.join(", ") };
            output::line(&format!("  {verdict}: {} ({what})", visible(service)));
        }
        ask.public.iter().for_each(|rule| output::line(&format!("  public: {}", visible(rule))));
    }
}

/// An action in WIT's own notation.
fn signature(action: &Action) -> String {
    let parameters: Vec<_> =
        action.parameters.iter().map(|parameter| format!("{}: {}", parameter.name, wit(&parameter.kind))).collect();
    let result = action.result.as_ref().map(|kind| format!(" -> {}", wit(kind))).unwrap_or_default();
    format!("{}({}){result}", action.name, parameters.join(", "))
}

/// A type as WIT writes it; structures are written out in place.
fn wit(kind: &Type) -> String {
    let list = |kinds: &[Type]| kinds.iter().map(wit).collect::<Vec<_>>().join(", ");
    match kind {
        Type::Bool => "bool".into(),
        Type::Char => "char".into(),
        Type::Enum(cases) => format!("enum {{ {} }}", cases.join(", ")),
        Type::F32 => "f32".into(),
        Type::F64 => "f64".into(),
        Type::Flags(names) => format!("flags {{ {} }}", names.join(", ")),
        Type::List(item) => format!("list<{}>", wit(item)),
        Type::Option(inner) => format!("option<{}>", wit(inner)),
        Type::Record(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| format!("{}: {}", field.name, wit(&field.kind))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        Type::Result { ok: None, err: None } => "result".into(),
        Type::Result { ok: Some(ok), err: None } => format!("result<{}>", wit(ok)),
        Type::Result { ok, err: Some(err) } => {
            format!("result<{}, {}>", ok.as_ref().map_or("_".into(), |ok| wit(ok)), wit(err))
        }
        Type::S8 => "s8".into(),
        Type::S16 => "s16".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::String => "string".into(),
        Type::Tuple(items) => format!("tuple<{}>", list(items)),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::Variant(cases) => {
            let cases: Vec<_> = cases
                .iter()
                .map(|case| {
                    case.kind.as_ref().map_or_else(|| case.name.clone(), |kind| format!("{}({})", case.name, wit(kind)))
                })
                .collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_in_wit() {
        let kind = Type::Result {
            ok: Some(Box::new(Type::List(Box::new(Type::Tuple(vec![Type::U8, Type::Option(Box::new(Type::String))]))))),
            err: Some(Box::new(Type::Enum(vec!["a".into(), "b".into()]))),
        };
        assert_eq!(wit(&kind), "result<list<tuple<u8, option<string>>>, enum { a, b }>");
        assert_eq!(wit(&Type::Result { ok: None, err: Some(Box::new(Type::String)) }), "result<_, string>");
    }
}
