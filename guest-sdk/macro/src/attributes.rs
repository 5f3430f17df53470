//! Attributes: `#[hotcell::tool(…)]` itself, and what stands on functions, parameters, types and fields.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use syn::Attribute;
use syn::LitStr;
use syn::Meta;
use syn::Token;
use syn::parse::Parse;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;

use crate::mistakes::Mistakes;
use crate::names::Name;
use crate::public;

/// Ours, on functions.
const ON_ACTIONS: [&str; 3] = ["public", "scope", "service"];
/// Rust's own and its tools', which change nothing of a function's signature.
const OF_RUST: [&str; 14] = [
    "allow",
    "cold",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "forbid",
    "inline",
    "must_use",
    "rustfmt",
    "clippy",
    "target_feature",
    "track_caller",
    "warn",
];

/// What stands in the brackets of `#[hotcell::tool(…)]`.
#[derive(Default)]
pub(crate) struct Arguments {
    /// The service of scopes that name none.
    pub(crate) service: Option<LitStr>,
    pub(crate) interface: Option<Name>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        for pair in Punctuated::<Pair, Token![,]>::parse_terminated(input)? {
            match pair.name.to_string().as_str() {
                "interface" if arguments.interface.is_none() => {
                    arguments.interface = Some(Name::from_text(&pair.value.value(), pair.value.span())?);
                }
                "service" if arguments.service.is_none() => {
                    service_name(&pair.value)?;
                    arguments.service = Some(pair.value);
                }
                "interface" | "service" => {
                    return Err(syn::Error::new(pair.name.span(), format!("`{}` stands there twice", pair.name)));
                }
                other => {
                    let what = format!(
                        "`{other}` is nothing that `tool` takes: there are `service = \"…\"` and `interface = \"…\"`"
                    );
                    return Err(syn::Error::new(pair.name.span(), what));
                }
            }
        }
        Ok(arguments)
    }
}

struct Pair {
    name: syn::Ident,
    value: LitStr,
}

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name: syn::Ident = input.parse()?;
        let pair = input.parse::<Token![=]>().and_then(|_| input.parse());
        let wrong = |_| syn::Error::new(name.span(), format!("`{name}` takes a text: write `{name} = \"…\"`"));
        pair.map_err(wrong).map(|value| Self { name, value })
    }
}

/// What an action may reach.
#[derive(Default)]
pub(crate) struct Reach {
    pub(crate) services: BTreeMap<String, BTreeSet<String>>,
    pub(crate) public: BTreeSet<String>,
}

/// Takes our attributes off a function that is an action, and reads them.
pub(crate) fn take_reach(attributes: &mut Vec<Attribute>, module: Option<&LitStr>, mistakes: &mut Mistakes) -> Reach {
    let mut reach = Reach::default();
    let mut own: Option<LitStr> = None;
    let mut scopes: Vec<Attribute> = Vec::new();
    for attribute in std::mem::take(attributes) {
        match ours(&attribute, &ON_ACTIONS) {
            Some("public") => {
                mistakes.take(texts(&attribute, 1, "\"GET https://api.example.com/v1/**\"").and_then(|texts| {
                    for text in texts {
                        public::check(&text.value()).map_err(|why| syn::Error::new(text.span(), why))?;
                        reach.public.insert(text.value());
                    }
                    Ok(())
                }))
            }
            Some("scope") => scopes.push(attribute),
            Some("service") => mistakes.take(texts(&attribute, 1, "\"github\"").and_then(|texts| {
                for text in texts {
                    service_name(&text)?;
                    reach.services.entry(text.value()).or_default();
                    own = Some(text);
                }
                Ok(())
            })),
            _ => {
                // What nobody knows is not left for the compiler to say again.
                if let Some(()) = mistakes.some(known(&attribute)) {
                    attributes.push(attribute);
                }
            }
        }
    }
    for attribute in scopes {
        mistakes.take(scope(&attribute, own.as_ref().or(module), &mut reach));
    }
    reach
}

fn scope(attribute: &Attribute, service: Option<&LitStr>, reach: &mut Reach) -> syn::Result<()> {
    let texts = texts(attribute, 2, "\"github\", \"issues:read\"")?;
    let (service, scope) = match (texts.as_slice(), service) {
        ([scope], Some(service)) => (service, scope),
        ([scope], None) => {
            let what = format!(
                "of which service is this scope? write `#[scope(\"SERVICE\", \"{}\")]`, or `#[hotcell::tool(service = \"SERVICE\")]` on the module",
                scope.value()
            );
            return Err(syn::Error::new(scope.span(), what));
        }
        ([service, scope, ..], _) => (service, scope),
        ([], _) => return Ok(()),
    };
    service_name(service)?;
    let text = scope.value();
    // The operator's file takes these (RFC 6749 section 3.3).
    let fits =
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    if !fits {
        let what = format!("`{text}` is no scope: it has 1 to 128 visible ASCII characters, without spaces and quotes");
        return Err(syn::Error::new(scope.span(), what));
    }
    reach.services.entry(service.value()).or_default().insert(text);
    Ok(())
}

/// As the operator may call a service.
fn service_name(text: &LitStr) -> syn::Result<()> {
    let value = text.value();
    let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    if (1..=64).contains(&value.len()) && value.bytes().all(named) {
        return Ok(());
    }
    let what = format!(
        "`{value}` is no name of a service: it has 1 to 64 lower-case letters, digits, `.`, `_` and `-`. Each scope has an attribute of its own"
    );
    Err(syn::Error::new(text.span(), what))
}

/// The texts in the brackets of an attribute.
fn texts(attribute: &Attribute, most: usize, example: &str) -> syn::Result<Vec<LitStr>> {
    let name = attribute.path().segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    let wrong = || Err(syn::Error::new_spanned(attribute, format!("write it as `#[{name}({example})]`")));
    let Meta::List(list) = &attribute.meta else {
        return wrong();
    };
    match list.parse_args_with(Punctuated::<LitStr, Token![,]>::parse_terminated) {
        Ok(texts) if (1..=most).contains(&texts.len()) => Ok(texts.into_iter().collect()),
        Ok(_) | Err(_) => wrong(),
    }
}

/// Takes `#[flags]` off a struct. Whether it was there.
pub(crate) fn take_flags(attributes: &mut Vec<Attribute>) -> bool {
    let before = attributes.len();
    attributes.retain(|attribute| ours(attribute, &["flags"]).is_none());
    attributes.len() != before
}

/// Takes our attributes off what is no action, where they mean nothing.
pub(crate) fn refuse_reach(attributes: &mut Vec<Attribute>, why: &str, mistakes: &mut Mistakes) {
    attributes.retain(|attribute| match ours(attribute, &ON_ACTIONS) {
        None => true,
        Some(name) => {
            let what = format!("`#[{name}]` asks for an action, and {why}");
            mistakes.push(syn::Error::new_spanned(attribute, what));
            false
        }
    });
}

/// Refuses `cfg`: the action, or a part of its types, would be there or not, while the manifest stays.
pub(crate) fn refuse_cfg(attributes: &[Attribute], mistakes: &mut Mistakes) {
    for attribute in attributes {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            let what = "what a tool exports cannot hang on `cfg`: put it on the whole module, or inside the function";
            mistakes.push(syn::Error::new_spanned(attribute, what));
        }
    }
}

/// The last word of its path, if it is one of these: `#[scope]` and `#[hotcell::scope]`.
fn ours(attribute: &Attribute, names: &[&'static str]) -> Option<&'static str> {
    let path = attribute.path();
    let last = path.segments.last()?;
    let prefixed = path.segments.len() == 2
        && path.segments.first().is_some_and(|first| first.ident == "hotcell" || first.ident == "hotcell_sdk");
    names.iter().find(|name| (path.segments.len() == 1 || prefixed) && last.ident == **name).copied()
}

/// Refuses a single word that nobody knows: a slip of the pen that would cost the scope. Other macros are named by path.
fn known(attribute: &Attribute) -> syn::Result<()> {
    let Some(word) = attribute.path().get_ident().map(ToString::to_string) else {
        return Ok(());
    };
    if OF_RUST.contains(&word.as_str()) || word.starts_with("cfg") {
        return Ok(());
    }
    let what = format!(
        "`{word}` is no attribute of an action: there are `scope`, `service`, `public` and Rust's own. Name another macro by its path, as in `#[crate_name::{word}]`"
    );
    Err(syn::Error::new_spanned(attribute.path(), what))
}
