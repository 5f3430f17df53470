//! Code that moves values between the author's types and the generated ones, which wit-bindgen knows how to hand over.

use std::collections::BTreeSet;

use proc_macro2::Ident;
use proc_macro2::Span;
use proc_macro2::TokenStream;
use quote::format_ident;
use quote::quote;
use quote::quote_spanned;

use crate::model::Case;
use crate::model::Declared;
use crate::model::Field;
use crate::model::Payload;
use crate::model::Shape;
use crate::model::Tool;
use crate::model::Type;

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From a caller.
    In,
    /// To a caller.
    Out,
}

/// All that code is made of.
pub(crate) struct Maker<'t> {
    pub(crate) tool: &'t Tool,
    /// The module with the generated types.
    pub(crate) generated: TokenStream,
}

impl Maker<'_> {
    /// A type as wit-bindgen has it.
    pub(crate) fn generated_type(&self, kind: &Type) -> TokenStream {
        let part = |of: &Option<Box<Type>>| of.as_ref().map_or_else(|| quote!(()), |of| self.generated_type(of));
        match kind {
            Type::List(of) => {
                let of = self.generated_type(of);
                quote!(::std::vec::Vec<#of>)
            }
            Type::Named(index) => self.tool.types.get(*index).map(|declared| self.path(declared)).unwrap_or_default(),
            Type::Option(of) => {
                let of = self.generated_type(of);
                quote!(::core::option::Option<#of>)
            }
            Type::Plain("String", _) => quote!(::std::string::String),
            Type::Plain(rust, _) => {
                let rust = Ident::new(rust, Span::mixed_site());
                quote!(::core::primitive::#rust)
            }
            Type::Result(ok, err) => {
                let (ok, err) = (part(ok), part(err));
                quote!(::core::result::Result<#ok, #err>)
            }
            Type::Tuple(parts) => {
                let parts = parts.iter().map(|of| self.generated_type(of));
                quote!((#(#parts,)*))
            }
        }
    }

    fn path(&self, declared: &Declared) -> TokenStream {
        let generated = &self.generated;
        let name = match declared.shape {
            Shape::Flags(_) => declared.name.camel(),
            _ => declared.name.type_camel(),
        };
        quote!(#generated::#name)
    }

    /// An expression that turns the value of `from` around. Errors of the compiler in it are shown at `span`.
    pub(crate) fn turned(&self, from: &TokenStream, kind: &Type, way: Way, span: Span) -> TokenStream {
        if kind.is_same() {
            return from.clone();
        }
        let span = span.resolved_at(Span::mixed_site());
        let v = Ident::new("v", span);
        let inner = |of: &Type| self.turned(&quote!(#v), of, way, span);
        match kind {
            Type::List(of) => {
                let of = inner(of);
                quote_spanned!(span=> #from.into_iter().map(|#v| #of).collect::<::std::vec::Vec<_>>())
            }
            Type::Named(index) => {
                let turn = turn(*index, way);
                quote_spanned!(span=> #turn(#from))
            }
            Type::Option(of) => {
                let of = inner(of);
                quote_spanned!(span=> #from.map(|#v| #of))
            }
            Type::Plain(..) => from.clone(),
            Type::Result(ok, err) => {
                let [ok, err] = [ok, err].map(|of| of.as_ref().map_or_else(|| quote!(#v), |of| inner(of)));
                quote_spanned!(span=> match #from {
                    ::core::result::Result::Ok(#v) => ::core::result::Result::Ok(#ok),
                    ::core::result::Result::Err(#v) => ::core::result::Result::Err(#err),
                })
            }
            Type::Tuple(parts) => {
                let names: Vec<_> = (0..parts.len()).map(|index| format_ident!("v{}", index, span = span)).collect();
                let turned = parts.iter().zip(&names).map(|(of, name)| self.turned(&quote!(#name), of, way, span));
                quote_spanned!(span=> { let (#(#names,)*) = #from; (#(#turned,)*) })
            }
        }
    }

    /// A function for each declared type and way that is used.
    pub(crate) fn turns(&self) -> TokenStream {
        let mut used = BTreeSet::new();
        for action in &self.tool.actions {
            action.parameters.iter().for_each(|field| self.used(&field.typed.kind, Way::In, &mut used));
            action.result.iter().for_each(|typed| self.used(&typed.kind, Way::Out, &mut used));
        }
        let functions = used.into_iter().filter_map(|(index, way)| {
            let declared = self.tool.types.get(index)?;
            let (theirs, ours) = (&declared.path, self.path(declared));
            let (from, to) = match way {
                Way::In => (quote!(#ours), quote!(#theirs)),
                Way::Out => (quote!(#theirs), quote!(#ours)),
            };
            let (name, body) = (turn(index, way), self.body(declared, &from, &to, way));
            Some(quote!(fn #name(value: #from) -> #to { #body }))
        });
        quote!(#(#functions)*)
    }

    fn used(&self, kind: &Type, way: Way, used: &mut BTreeSet<(usize, Way)>) {
        let mut named = Vec::new();
        kind.named(&mut named);
        for index in named {
            if used.insert((index, way)) {
                let parts = self.tool.types.get(index).map(|declared| declared.shape.parts()).unwrap_or_default();
                parts.iter().for_each(|part| self.used(&part.kind, way, used));
            }
        }
    }

    fn body(&self, declared: &Declared, from: &TokenStream, to: &TokenStream, way: Way) -> TokenStream {
        match &declared.shape {
            Shape::Open => TokenStream::new(),
            Shape::Enum(cases) | Shape::Variant(cases) => {
                let arms = cases.iter().map(|case| self.arm(case, from, to, way));
                quote!(match value { #(#arms)* })
            }
            Shape::Flags(fields) => flags(fields, from, to, way),
            Shape::Record(fields) => {
                let fields = self.fields(fields, way, |field| quote!(value.#field));
                quote!(#to { #fields })
            }
        }
    }

    /// `field: value` for each field, `from` naming where the value is had.
    fn fields(&self, fields: &[Field], way: Way, from: impl Fn(&Ident) -> TokenStream) -> TokenStream {
        let fields = fields.iter().map(|field| {
            let (source, target) = both(&field.ident, field.name.snake(), way);
            let value = self.turned(&from(&source), &field.typed.kind, way, field.typed.span);
            quote!(#target: #value)
        });
        quote!(#(#fields),*)
    }

    fn arm(&self, case: &Case, from: &TokenStream, to: &TokenStream, way: Way) -> TokenStream {
        let (source, target) = both(&case.ident, case.name.camel(), way);
        match &case.payload {
            Payload::Fields(record, fields) => {
                let (generated, record) = (&self.generated, record.type_camel());
                let names = fields.iter().map(|field| both(&field.ident, field.name.snake(), way).0);
                let names = quote!(#(#names),*);
                let fields = self.fields(fields, way, |field| quote!(#field));
                match way {
                    Way::In => quote!(#from::#source(#generated::#record { #names }) => #to::#target { #fields },),
                    Way::Out => quote!(#from::#source { #names } => #to::#target(#generated::#record { #fields }),),
                }
            }
            Payload::None => quote!(#from::#source => #to::#target,),
            Payload::Parts(parts) => {
                let names: Vec<_> =
                    (0..parts.len()).map(|index| format_ident!("v{}", index, span = Span::mixed_site())).collect();
                let turned =
                    parts.iter().zip(&names).map(|(of, name)| self.turned(&quote!(#name), &of.kind, way, of.span));
                let turned = quote!(#(#turned),*);
                match (way, parts.len()) {
                    (_, 1) => quote!(#from::#source(#(#names)*) => #to::#target(#turned),),
                    (Way::In, _) => quote!(#from::#source((#(#names),*)) => #to::#target(#turned),),
                    (Way::Out, _) => quote!(#from::#source(#(#names),*) => #to::#target((#turned)),),
                }
            }
        }
    }
}

fn flags(fields: &[Field], from: &TokenStream, to: &TokenStream, way: Way) -> TokenStream {
    let fields = fields.iter().map(|field| (&field.ident, field.name.shouty()));
    match way {
        Way::In => {
            let fields = fields.map(|(ident, flag)| quote!(#ident: value.contains(#from::#flag)));
            quote!(#to { #(#fields),* })
        }
        Way::Out => {
            let fields = fields.map(|(ident, flag)| quote!(flags.set(#to::#flag, value.#ident);));
            quote!(let mut flags = #to::empty(); #(#fields)* flags)
        }
    }
}

/// Source and target of a part that the author and wit-bindgen call by these names.
fn both(author: &Ident, generated: Ident, way: Way) -> (Ident, Ident) {
    match way {
        Way::In => (generated, author.clone()),
        Way::Out => (author.clone(), generated),
    }
}

/// The function that turns this type.
fn turn(index: usize, way: Way) -> Ident {
    let way = if way == Way::In { "read" } else { "written" };
    format_ident!("{}_{}", way, index, span = Span::mixed_site())
}
