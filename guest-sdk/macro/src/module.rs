//! The author's module, read: each `pub fn` is an action. Takes our attributes off, so that what stays is plain Rust.

use std::collections::BTreeMap;

use proc_macro2::Span;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::FnArg;
use syn::Item;
use syn::ItemFn;
use syn::ItemMod;
use syn::Pat;
use syn::ReturnType;
use syn::Visibility;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::attributes;
use crate::attributes::Arguments;
use crate::attributes::Reach;
use crate::declared;
use crate::docs;
use crate::docs::Docs;
use crate::mistakes::Mistakes;
use crate::model::Action;
use crate::model::Field;
use crate::model::Tool;
use crate::model::Type;
use crate::model::Typed;
use crate::names::Distinct;
use crate::names::Name;
use crate::types::Types;

/// Reads a module. What comes back of it is plain Rust, also where there are mistakes.
pub(crate) fn read(arguments: Arguments, module: &mut ItemMod, sdk: TokenStream) -> (Option<Tool>, Mistakes) {
    let mut mistakes = Mistakes::default();
    let Some((_, items)) = &mut module.content else {
        mistakes.push(syn::Error::new_spanned(
            &*module,
            "the macro sees this file alone: write the actions here, `mod tool { … }`",
        ));
        return (None, mistakes);
    };
    let flags = declared::take_flags(items, &mut mistakes);
    let functions = functions(items, &arguments, &mut mistakes);
    if functions.is_empty() {
        let what = "there is no `pub fn` in this module, so the tool has no action: each `pub fn` is one";
        mistakes.add(module.ident.span(), what.to_owned());
    }
    let mut types = Types::new(items, flags, sdk);
    let mut distinct = Distinct::new("two actions");
    let mut actions = Vec::new();
    for taken in functions {
        let result = action(taken, &mut types, &mut distinct);
        actions.extend(mistakes.some(result));
    }
    if arguments.interface.is_some() {
        for action in &actions {
            if let Some(other) = types.names.taken(&action.name) {
                let what = format!(
                    "in an interface, types and actions share their names: `{other}` and `{}` both become `{}`",
                    action.ident,
                    action.name.as_str()
                );
                mistakes.add(action.ident.span(), what);
            }
        }
    }
    let name = mistakes.some(Name::of(&module.ident));
    mistakes.append(std::mem::take(&mut types.mistakes));
    let tool = name.map(|name| Tool { name, interface: arguments.interface, actions, types: types.declared });
    (tool, mistakes)
}

/// A `pub fn` with what was taken off it.
struct Taken {
    function: ItemFn,
    reach: Reach,
    /// Doc comments on parameters, in order: Rust allows them in front of a macro only.
    parameters: Vec<Vec<syn::Attribute>>,
}

fn functions(items: &mut [Item], arguments: &Arguments, mistakes: &mut Mistakes) -> Vec<Taken> {
    let mut taken = Vec::new();
    for item in items {
        match item {
            Item::Fn(function) if matches!(function.vis, Visibility::Public(_)) => {
                attributes::refuse_cfg(&function.attrs, mistakes);
                let reach = attributes::take_reach(&mut function.attrs, arguments.service.as_ref(), mistakes);
                let parameters = function.sig.inputs.iter_mut().map(|input| take_docs(input, mistakes)).collect();
                taken.push(Taken { function: function.clone(), reach, parameters });
            }
            Item::Fn(function) => {
                let why = format!("`{}` is none: actions are `pub fn`", function.sig.ident);
                attributes::refuse_reach(&mut function.attrs, &why, mistakes);
            }
            Item::Enum(item) => {
                attributes::refuse_reach(&mut item.attrs, "a type is none: put it on a `pub fn`", mistakes)
            }
            Item::Struct(item) => {
                attributes::refuse_reach(&mut item.attrs, "a type is none: put it on a `pub fn`", mistakes)
            }
            _ => {}
        }
    }
    taken
}

fn take_docs(input: &mut FnArg, mistakes: &mut Mistakes) -> Vec<syn::Attribute> {
    let attributes = match input {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(typed) => &mut typed.attrs,
    };
    attributes::refuse_cfg(attributes, mistakes);
    let (docs, others) = std::mem::take(attributes).into_iter().partition(|attribute| attribute.path().is_ident("doc"));
    *attributes = others;
    docs
}

/// An action. Mistakes in its types are noted; one in its form is returned.
fn action(taken: Taken, types: &mut Types<'_>, distinct: &mut Distinct) -> syn::Result<Action> {
    let Taken { function, reach, parameters: comments } = taken;
    let signature = &function.sig;
    form(signature)?;
    let name = Name::of(&signature.ident)?;
    types.mistakes.take(distinct.add(&name, &signature.ident.to_string()));
    let mut parameters = Vec::new();
    let mut seen = Distinct::new("two parameters");
    for (input, comments) in signature.inputs.iter().zip(&comments) {
        let field = parameter(input, comments, types);
        if let Some(field) = types.mistakes.some(field).flatten() {
            types.mistakes.take(seen.add(&field.name, &field.ident.to_string()));
            parameters.push(field);
        }
    }
    let result = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, written) => {
            let kind = types.read_or_nothing(written);
            types.mistakes.some(kind).flatten().map(|kind| Typed { kind, span: written.span() })
        }
    };
    let text = docs::text(&function.attrs)?;
    let names: Vec<_> =
        parameters.iter().flat_map(|field| [field.ident.unraw().to_string(), field.name.as_str().to_owned()]).collect();
    let docs = Docs::of(&text, &names);
    ends_exist(&docs, result.as_ref(), signature.ident.span(), &mut types.mistakes);
    document(&mut parameters, docs.parameters, types);
    Ok(Action {
        name,
        ident: signature.ident.clone(),
        docs: docs.text,
        returns: docs.returns,
        errors: docs.errors,
        parameters,
        result,
        services: reach.services,
        public: reach.public,
    })
}

/// `# Returns` and `# Errors` describe what there is.
fn ends_exist(docs: &Docs, result: Option<&Typed>, span: Span, mistakes: &mut Mistakes) {
    let (ok, err) = match result.map(|typed| &typed.kind) {
        None => (false, false),
        Some(Type::Result(ok, err)) => (ok.is_some(), err.is_some()),
        Some(_) => (true, false),
    };
    for (section, text, exists, lacks) in [
        ("Returns", &docs.returns, ok, "returns no value"),
        ("Errors", &docs.errors, err, "has no error with a value: it would return a `Result<T, E>`"),
    ] {
        if !text.is_empty() && !exists {
            mistakes.add(span, format!("the docs have a section `# {section}`, but this action {lacks}"));
        }
    }
}

/// Descriptions of parameters from the function's own comment.
fn document(parameters: &mut [Field], texts: BTreeMap<String, String>, types: &mut Types<'_>) {
    for (name, text) in texts {
        let of = parameters.iter_mut().find(|field| field.ident.unraw() == name || field.name.as_str() == name);
        let Some(field) = of else { continue };
        if field.docs.is_empty() {
            field.docs = text;
        } else {
            types
                .mistakes
                .add(field.name.span, format!("`{name}` is described twice: here, and in the function's comment"));
        }
    }
}

/// What no action can be.
fn form(signature: &syn::Signature) -> syn::Result<()> {
    let wrong = |at: &dyn ToTokens, what: &str| Err(syn::Error::new_spanned(at.to_token_stream(), what));
    if let Some(word) = &signature.asyncness {
        return wrong(word, "an action cannot be `async`: the host waits for each request, so write a plain `fn`");
    }
    if let Some(word) = &signature.unsafety {
        return wrong(word, "an action is called by whoever may call the tool: it cannot be `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        return wrong(abi, "an action is an ordinary `pub fn`: how it is called is the macro's business");
    }
    if !signature.generics.params.is_empty() {
        let what = "an action has no type parameters and no lifetimes: its caller sends JSON, so name the types";
        return wrong(&signature.generics.params, what);
    }
    if let Some(dots) = &signature.variadic {
        return wrong(dots, "an action has a fixed list of parameters");
    }
    Ok(())
}

fn parameter(input: &FnArg, comments: &[syn::Attribute], types: &mut Types<'_>) -> syn::Result<Option<Field>> {
    let typed = match input {
        FnArg::Receiver(receiver) => {
            let what = "an action has no `self`: a tool keeps nothing from one call to the next";
            return Err(syn::Error::new_spanned(receiver, what));
        }
        FnArg::Typed(typed) => typed,
    };
    let ident = match &*typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => pattern.ident.clone(),
        other => {
            let what = "a parameter needs a name, by which callers give it: take it apart inside the function";
            return Err(syn::Error::new_spanned(other, what));
        }
    };
    let name = Name::of(&ident)?;
    let docs = docs::text(comments)?;
    Ok(types.typed(&typed.ty).map(|typed| Field { name, ident, docs, typed }))
}
