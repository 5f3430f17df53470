//! Doc comments, taken apart: what an action does, its parameters, what it returns, when it fails.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::Attribute;
use syn::Expr;
use syn::ExprLit;
use syn::Lit;
use syn::Meta;
use syn::spanned::Spanned as _;

/// The manifest takes descriptions of at most so many bytes.
const LONGEST: usize = 2_000;

/// What the comments on a function say.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Docs {
    pub(crate) text: String,
    /// From list items of the form "* `name`: text".
    pub(crate) parameters: BTreeMap<String, String>,
    /// The section `# Returns`.
    pub(crate) returns: String,
    /// The section `# Errors`.
    pub(crate) errors: String,
}

/// The doc comments among these attributes, as one text.
///
/// # Errors
/// Where a text is longer than a manifest takes.
pub(crate) fn text(attributes: &[Attribute]) -> syn::Result<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut span: Option<Span> = None;
    for attribute in attributes {
        if let Some(text) = comment(attribute) {
            span = span.or_else(|| Some(attribute.span()));
            lines.extend(text.lines().map(|line| clean(line.strip_prefix(' ').unwrap_or(line))));
            if text.is_empty() {
                lines.push(String::new());
            }
        }
    }
    let text = lines.join("\n").trim().to_owned();
    if text.len() > LONGEST {
        let what = format!("these docs have {} bytes, and a manifest takes {LONGEST}: shorten them", text.len());
        return Err(syn::Error::new(span.unwrap_or_else(Span::call_site), what));
    }
    Ok(text)
}

/// The text of a doc comment.
fn comment(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Without characters that say one thing to a person and another to a machine: WIT refuses text that has them.
fn clean(line: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || matches!(
                c,
                '\u{149}' | '\u{673}' | '\u{f77}' | '\u{f79}' | '\u{17a3}' | '\u{17a4}' | '\u{17b4}' | '\u{17b5}'
            )
    };
    line.trim_end()
        .chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if odd(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Paragraphs as one line each: where the author's lines end says nothing to who reads the description elsewhere. Lists,
/// headings, tables, quotes and code stay as they are.
pub(crate) fn flowing(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    let mut joins = false;
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(". ");
        let own = code || fence || numbered || line.is_empty() || line.starts_with(['*', '-', '+', '#', '|', '>', ' ']);
        if !out.is_empty() {
            out.push(if joins && !own { ' ' } else { '\n' });
        }
        out.push_str(line);
        code ^= fence;
        joins = !code && !fence && !line.is_empty() && !line.starts_with(['#', '|']);
    }
    out
}

impl Docs {
    /// Takes the text on a function with these parameters apart. A list item that names none of them is ordinary text.
    pub(crate) fn of(text: &str, parameters: &[String]) -> Self {
        let mut docs = Self::default();
        let mut section = Section::Text;
        let mut open: Option<String> = None;
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix('#') {
                open = None;
                section = Section::of(heading.trim_start_matches('#').trim());
                if section == Section::Text {
                    push(&mut docs.text, line);
                }
                continue;
            }
            if let Some((name, item)) = item(line).filter(|(name, _)| parameters.iter().any(|known| known == name)) {
                docs.parameters.insert(name.to_owned(), item.to_owned());
                open = Some(name.to_owned());
                continue;
            }
            // A list item goes on in indented lines.
            if let Some(item) = open.as_ref().and_then(|name| docs.parameters.get_mut(name)) {
                if line.starts_with("  ") {
                    item.push(' ');
                    item.push_str(line.trim());
                    continue;
                }
                open = None;
            }
            match section {
                Section::Errors => push(&mut docs.errors, line),
                Section::Parameters if line.trim().is_empty() => {}
                Section::Parameters | Section::Text => push(&mut docs.text, line),
                Section::Returns => push(&mut docs.returns, line),
            }
        }
        for text in [&mut docs.text, &mut docs.errors, &mut docs.returns] {
            *text = text.trim().to_owned();
        }
        docs
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Errors,
    Parameters,
    Returns,
    Text,
}

impl Section {
    fn of(heading: &str) -> Self {
        match heading {
            "Arguments" | "Parameters" => Self::Parameters,
            "Errors" => Self::Errors,
            "Returns" => Self::Returns,
            _ => Self::Text,
        }
    }
}

fn push(text: &mut String, line: &str) {
    if line.is_empty() && (text.is_empty() || text.ends_with("\n\n")) {
        return;
    }
    text.push_str(line);
    text.push('\n');
}

/// Name and text of a list item: "* `name`: text".
fn item(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim_start().strip_prefix(['*', '-', '+'])?.trim_start().strip_prefix('`')?;
    let (name, rest) = rest.split_once('`')?;
    let text = rest.trim_start().strip_prefix([':', '-', '–', '—'])?.trim();
    (!text.is_empty()).then_some((name, text))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn comments_become_one_text_without_what_misleads() {
        let item: syn::ItemFn = parse_quote! {
            /// First line.
            ///
            ///   * indented\u{20}
            #[doc = "with a \u{202e}turn"]
            #[inline]
            fn f() {}
        };
        assert_eq!(text(&item.attrs).unwrap(), "First line.\n\n  * indented\\u{20}\nwith a \u{fffd}turn");
    }

    #[test]
    fn text_that_no_manifest_takes_is_refused() {
        let long = "x".repeat(LONGEST + 1);
        let item: syn::ItemFn = parse_quote! { #[doc = #long] fn f() {} };
        assert!(text(&item.attrs).unwrap_err().to_string().contains("2001 bytes"));
    }

    #[test]
    fn paragraphs_flow_and_everything_else_stays() {
        let text = "One\ntwo.\n\nThree\nfour\n* five\nsix\n* seven\n1. eight\n# Nine\nten\n```\na\nb\n```\neleven";
        assert_eq!(
            flowing(text),
            "One two.\n\nThree four\n* five six\n* seven\n1. eight\n# Nine\nten\n```\na\nb\n```\neleven"
        );
    }

    #[test]
    fn parameters_returns_and_errors_are_taken_out() {
        let docs = Docs::of(
            "Lists issues.\n\n# Parameters\n\n* `owner`: who owns it,\n  person or group\n- `repo` - its name\n\n\
             # Returns\n\nThe newest\nfirst.\n\n# Errors\nIf there is none.\n\n# Notes\n* `other`: stays\n",
            &["owner".into(), "repo".into()],
        );
        assert_eq!(docs.text, "Lists issues.\n\n# Notes\n* `other`: stays");
        assert_eq!(docs.parameters["owner"], "who owns it, person or group");
        assert_eq!(docs.parameters["repo"], "its name");
        assert_eq!((docs.returns.as_str(), docs.errors.as_str()), ("The newest\nfirst.", "If there is none."));
    }

    #[test]
    fn a_list_that_is_no_list_of_parameters_is_ordinary_text() {
        let text = "One of\n* `open`: still open\n* owner: no name\n* `repo` nothing";
        assert_eq!(Docs::of(text, &["owner".into(), "repo".into()]).text, text);
    }
}
