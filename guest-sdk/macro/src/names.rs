//! Names: of Rust, of WIT, and of what wit-bindgen makes of WIT's.

use std::collections::BTreeMap;

use heck::ToKebabCase as _;
use heck::ToShoutySnakeCase as _;
use heck::ToSnakeCase as _;
use heck::ToUpperCamelCase as _;
use proc_macro2::Ident;
use proc_macro2::Span;
use syn::ext::IdentExt as _;

/// Clients of MCP take names of at most 64 characters.
const LONGEST: usize = 64;

/// A name in kebab-case, as WIT and JSON have it, and where the author wrote it.
#[derive(Clone)]
pub(crate) struct Name {
    text: String,
    pub(crate) span: Span,
}

impl Name {
    /// The name of what the author called so.
    pub(crate) fn of(ident: &Ident) -> syn::Result<Self> {
        Self::from_text(&ident.unraw().to_string(), ident.span())
    }

    /// The name that this text becomes.
    pub(crate) fn from_text(written: &str, span: Span) -> syn::Result<Self> {
        let wrong = |why: String| Err(syn::Error::new(span, why));
        if !written.is_ascii() {
            return wrong(format!("`{written}` has letters outside ASCII, which no name in WIT can have: rename it"));
        }
        let text = written.to_kebab_case();
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return wrong(format!("`{written}` must begin with a letter: rename it"));
        }
        if text.len() > LONGEST {
            return wrong(format!(
                "`{text}` has more than {LONGEST} characters, the most that agents take: shorten it"
            ));
        }
        // wit-bindgen has no other word for them: `Self` as a case, `gen` since Rust 2024.
        if matches!(text.as_str(), "gen" | "self") {
            return wrong(format!("`{written}` becomes `{text}`, which Rust keeps for itself: rename it"));
        }
        Ok(Self { text, span })
    }

    /// As JSON and the manifest have it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// As it stands in WIT text. Always escaped: then no keyword of today or of tomorrow is in the way.
    pub(crate) fn in_wit(&self) -> String {
        format!("%{}", self.text)
    }

    /// The function, field or module that wit-bindgen makes of it.
    pub(crate) fn snake(&self) -> Ident {
        let snake = self.text.to_snake_case();
        // wit-bindgen appends a line to what is a keyword of Rust.
        let keyword = syn::parse_str::<Ident>(&snake).is_err();
        Ident::new(&if keyword { format!("{snake}_") } else { snake }, self.span.resolved_at(Span::mixed_site()))
    }

    /// As [`Name::snake`], as a part of a longer name.
    pub(crate) fn plain_snake(&self) -> String {
        self.text.to_snake_case()
    }

    /// The type or case that wit-bindgen makes of it.
    pub(crate) fn camel(&self) -> Ident {
        Ident::new(&self.text.to_upper_camel_case(), self.span.resolved_at(Span::mixed_site()))
    }

    /// As [`Name::camel`], for a record, an enum or a variant: wit-bindgen keeps `Guest` for its trait.
    pub(crate) fn type_camel(&self) -> Ident {
        let camel = self.camel();
        if camel == "Guest" { Ident::new("Guest_", camel.span()) } else { camel }
    }

    /// The flag that wit-bindgen makes of it.
    pub(crate) fn shouty(&self) -> Ident {
        Ident::new(&self.text.to_shouty_snake_case(), self.span.resolved_at(Span::mixed_site()))
    }
}

/// Names that must differ from each other.
pub(crate) struct Distinct {
    of: &'static str,
    seen: BTreeMap<String, String>,
}

impl Distinct {
    /// `of` says what they are names of, for instance `two fields`.
    pub(crate) fn new(of: &'static str) -> Self {
        Self { of, seen: BTreeMap::new() }
    }

    /// What has this name.
    pub(crate) fn taken(&self, name: &Name) -> Option<&str> {
        self.seen.get(&name.text).map(String::as_str)
    }

    /// Takes a name in, or says with which it collides.
    pub(crate) fn add(&mut self, name: &Name, written: &str) -> syn::Result<()> {
        match self.seen.insert(name.text.clone(), written.to_owned()) {
            None => Ok(()),
            Some(other) => Err(syn::Error::new(
                name.span,
                format!("{} have one name in WIT: `{other}` and `{written}` both become `{}`", self.of, name.text),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> syn::Result<Name> {
        Name::of(&syn::parse_str(text).or_else(|_| syn::parse_str(&format!("r#{text}")))?)
    }

    #[test]
    fn names_are_kebab_case_and_come_back() {
        for (rust, wit) in [
            ("list_issues", "list-issues"),
            ("HTTPServer", "http-server"),
            ("page_2", "page-2"),
            ("i32x4", "i32x4"),
            ("_unused", "unused"),
            ("r#type", "type"),
            ("Open", "open"),
        ] {
            assert_eq!(name(rust).unwrap().as_str(), wit);
        }
        let name = name("list_issues").unwrap();
        assert_eq!((name.in_wit().as_str(), name.snake().to_string().as_str()), ("%list-issues", "list_issues"));
        assert_eq!((name.camel().to_string(), name.shouty().to_string()), ("ListIssues".into(), "LIST_ISSUES".into()));
    }

    #[test]
    fn keywords_of_rust_and_wit_bindgens_own_name_are_called_as_wit_bindgen_calls_them() {
        for word in ["type", "super", "crate", "async", "yield", "try", "abstract", "true"] {
            let name = Name::from_text(word, Span::call_site()).unwrap();
            assert_eq!(name.snake(), format!("{word}_"));
        }
        let guest = name("Guest").unwrap();
        assert_eq!((guest.camel().to_string(), guest.type_camel().to_string()), ("Guest".into(), "Guest_".into()));
    }

    #[test]
    fn what_wit_cannot_name_is_refused() {
        for (rust, why) in [
            ("größe", "outside ASCII"),
            ("_1", "begin with a letter"),
            ("Self_", "becomes `self`"),
            ("gen", "becomes `gen`"),
            (&"x".repeat(65), "more than 64"),
        ] {
            let refused = name(rust).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(refused.contains(why), "{rust}: {refused}");
        }
        assert!(name(&"x".repeat(64)).is_ok());
    }

    #[test]
    fn two_that_become_one_are_named() {
        let mut seen = Distinct::new("two fields");
        seen.add(&name("a_b").unwrap(), "a_b").unwrap();
        let refused = seen.add(&name("aB").unwrap(), "aB").unwrap_err().to_string();
        assert_eq!(refused, "two fields have one name in WIT: `a_b` and `aB` both become `a-b`");
    }
}
