//! Structs and enums, read: records, flags, enums and variants.

use proc_macro2::Span;
use quote::quote;
use syn::Fields;
use syn::Item;
use syn::ItemEnum;
use syn::ItemStruct;
use syn::ext::IdentExt as _;
use syn::parse_quote;
use syn::spanned::Spanned as _;

use crate::attributes;
use crate::docs;
use crate::model::Case;
use crate::model::Declared;
use crate::model::Field;
use crate::model::Payload;
use crate::model::Shape;
use crate::model::Type;
use crate::model::Typed;
use crate::names::Distinct;
use crate::names::Name;
use crate::types::Types;

/// What the host's engine takes.
const MOST_FLAGS: usize = 32;
/// Names by which the macro knows other types.
const TAKEN: [&str; 5] = ["Box", "Option", "Result", "String", "Vec"];

impl Types<'_> {
    /// Reads a struct or an enum of the module. Mistakes in its parts are noted, so that one of them does not hide others.
    pub(crate) fn declare(&mut self, name: &str, item: &Item) -> syn::Result<usize> {
        let (ident, generics, attributes) = match item {
            Item::Enum(item) => (&item.ident, &item.generics, &item.attrs),
            Item::Struct(item) => (&item.ident, &item.generics, &item.attrs),
            other => return Err(syn::Error::new_spanned(other, "only structs and enums can be handed over")),
        };
        if !generics.params.is_empty() {
            let what = format!("`{name}` has parameters, and WIT has none: take them out of what is handed over");
            return Err(syn::Error::new_spanned(&generics.params, what));
        }
        if TAKEN.contains(&name) {
            return Err(syn::Error::new(ident.span(), format!("`{name}` is a name of Rust's own types: rename it")));
        }
        attributes::refuse_cfg(attributes, &mut self.mistakes);
        let wit = Name::of(ident)?;
        let docs = self.text(attributes);
        let result = self.names.add(&wit, &ident.to_string());
        self.mistakes.take(result);
        let declared = Declared { name: wit.clone(), path: quote!(super::#ident), docs, shape: Shape::Open };
        let index = self.open(name, declared);
        let shape = match item {
            Item::Enum(item) => self.cases(item, &wit),
            Item::Struct(item) if self.flags.contains(name) => self.bits(item),
            Item::Struct(item) => self.record(item),
            _ => Shape::Record(Vec::new()),
        };
        self.close(index, shape);
        Ok(index)
    }

    fn close(&mut self, index: usize, shape: Shape) {
        if let Some(declared) = self.declared.get_mut(index) {
            declared.shape = shape;
        }
    }

    /// The SDK's own error type, as if it stood in the module.
    pub(crate) fn problem(&mut self, path: &syn::Path) -> syn::Result<Type> {
        const KEY: &str = "hotcell::Problem";
        if let Some(index) = self.declared.iter().position(|declared| declared.path.to_string().ends_with(":: Problem"))
        {
            return Ok(Type::Named(index));
        }
        let item = problem();
        let wit = Name::from_text("problem", path.span())?;
        self.names.add(&wit, "hotcell's Problem")?;
        let sdk = &self.sdk;
        let declared = Declared {
            name: wit.clone(),
            path: quote!(#sdk::Problem),
            docs: self.text(&item.attrs),
            shape: Shape::Open,
        };
        let index = self.open(KEY, declared);
        let shape = self.cases(&item, &wit);
        self.close(index, shape);
        Ok(Type::Named(index))
    }

    fn record(&mut self, item: &ItemStruct) -> Shape {
        let fields = match &item.fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            Fields::Named(_) | Fields::Unit => {
                let what = format!("`{}` has no fields, and a record of WIT has at least one", item.ident);
                self.mistakes.add(item.ident.span(), what);
                return Shape::Record(Vec::new());
            }
            Fields::Unnamed(fields) => {
                let what = format!(
                    "the fields of `{}` have no names, which a caller needs: write `struct {} {{ name: Type }}`",
                    item.ident, item.ident
                );
                self.mistakes.push(syn::Error::new_spanned(fields, what));
                return Shape::Record(Vec::new());
            }
        };
        Shape::Record(self.fields(fields.iter()))
    }

    fn bits(&mut self, item: &ItemStruct) -> Shape {
        let Shape::Record(fields) = self.record(item) else {
            return Shape::Flags(Vec::new());
        };
        for field in &fields {
            if field.typed.kind != Type::Plain("bool", "bool") {
                self.mistakes.add(field.typed.span, "each field of flags is a `bool`".to_owned());
            }
        }
        if fields.len() > MOST_FLAGS {
            self.mistakes.add(item.ident.span(), format!("flags have at most {MOST_FLAGS} fields"));
        }
        Shape::Flags(fields)
    }

    fn fields<'f>(&mut self, fields: impl Iterator<Item = &'f syn::Field>) -> Vec<Field> {
        let mut distinct = Distinct::new("two fields");
        let mut read = Vec::new();
        for field in fields {
            let Some(ident) = &field.ident else { continue };
            attributes::refuse_cfg(&field.attrs, &mut self.mistakes);
            let docs = self.text(&field.attrs);
            let name = Name::of(ident);
            let typed = self.typed(&field.ty);
            if let (Some(name), Some(typed)) = (self.mistakes.some(name), typed) {
                self.mistakes.take(distinct.add(&name, &ident.to_string()));
                read.push(Field { name, ident: ident.clone(), docs, typed });
            }
        }
        read
    }

    fn cases(&mut self, item: &ItemEnum, of: &Name) -> Shape {
        if item.variants.is_empty() {
            self.mistakes
                .add(item.ident.span(), format!("`{}` has no cases: nobody could make a value of it", item.ident));
        }
        let mut distinct = Distinct::new("two cases");
        let mut cases = Vec::new();
        for variant in &item.variants {
            attributes::refuse_cfg(&variant.attrs, &mut self.mistakes);
            let docs = self.text(&variant.attrs);
            let name = Name::of(&variant.ident);
            let Some(name) = self.mistakes.some(name) else { continue };
            self.mistakes.take(distinct.add(&name, &variant.ident.to_string()));
            let payload = self.payload(variant, of, &name);
            cases.push(Case { name, ident: variant.ident.clone(), docs, payload });
        }
        let plain = cases.iter().all(|case| matches!(case.payload, Payload::None));
        if plain { Shape::Enum(cases) } else { Shape::Variant(cases) }
    }

    fn payload(&mut self, variant: &syn::Variant, of: &Name, case: &Name) -> Payload {
        match &variant.fields {
            Fields::Named(fields) if fields.named.is_empty() => {
                self.mistakes.push(syn::Error::new_spanned(fields, "there is nothing in the braces: leave them out"));
                Payload::None
            }
            Fields::Named(fields) => {
                // WIT has no cases with fields: they become a record, named by both.
                let name = Name::from_text(&format!("{}-{}", of.as_str(), case.as_str()), case.span);
                let Some(name) = self.mistakes.some(name) else { return Payload::None };
                let result = self.names.add(&name, &format!("{} {{ … }}", variant.ident));
                self.mistakes.take(result);
                Payload::Fields(name, self.fields(fields.named.iter()))
            }
            Fields::Unit => Payload::None,
            Fields::Unnamed(fields) => {
                let parts: Vec<_> = fields.unnamed.iter().filter_map(|field| self.typed(&field.ty)).collect();
                if fields.unnamed.is_empty() {
                    self.mistakes
                        .push(syn::Error::new_spanned(fields, "there is nothing in the brackets: leave them out"));
                }
                if parts.is_empty() { Payload::None } else { Payload::Parts(parts) }
            }
        }
    }

    /// A type, or `None` after noting what is wrong with it.
    pub(crate) fn typed(&mut self, written: &syn::Type) -> Option<Typed> {
        let kind = self.read(written);
        let span: Span = written.span();
        self.mistakes.some(kind).map(|kind| Typed { kind, span })
    }

    fn text(&mut self, attributes: &[syn::Attribute]) -> String {
        let text = docs::text(attributes);
        self.mistakes.some(text).unwrap_or_default()
    }
}

/// The SDK's `Problem`. Where the two differ, no tool that uses it compiles.
fn problem() -> ItemEnum {
    parse_quote! {
        /// Why there is no result.
        pub enum Problem {
            /// Not granted to this action, or the server forbids it.
            Denied,
            /// A person must sign in, or the token lacks the scope.
            NeedsSignIn,
            /// There is no such thing, or the token may not see it.
            NotFound,
            /// The arguments cannot be used as they are, and why.
            Invalid(String),
            /// Too many requests: wait before asking again.
            RateLimited,
            /// No answer in time, or the server failed: asking again later may help.
            Unavailable,
            /// Anything else, in words.
            Other(String),
        }
    }
}

/// The names of structs that bear `#[flags]`, which is taken off them; off anything else it is refused.
pub(crate) fn take_flags(
    items: &mut [Item],
    mistakes: &mut crate::mistakes::Mistakes,
) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    for item in items {
        let (attributes, ident, fits) = match item {
            Item::Enum(item) => (&mut item.attrs, &item.ident, false),
            Item::Struct(item) => (&mut item.attrs, &item.ident, true),
            _ => continue,
        };
        match (attributes::take_flags(attributes), fits) {
            (false, _) => {}
            (true, false) => {
                let what =
                    "flags are a struct, each field of it a `bool`: `#[flags] pub struct Rights { pub read: bool }`";
                mistakes.add(ident.span(), what.to_owned());
            }
            (true, true) => {
                found.insert(ident.unraw().to_string());
            }
        }
    }
    found
}
