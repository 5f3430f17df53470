//! Types of signatures and fields, read. What WIT has no word for is refused with what to write in its place.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use syn::GenericArgument;
use syn::Item;
use syn::PathArguments;
use syn::Type as Written;
use syn::UseTree;
use syn::ext::IdentExt as _;

use crate::foreign;
use crate::mistakes::Mistakes;
use crate::model::Declared;
use crate::model::Shape;
use crate::model::Type;
use crate::names::Distinct;

/// Types without parts: in Rust, in WIT.
const PLAIN: [(&str, &str); 13] = [
    ("String", "string"),
    ("bool", "bool"),
    ("char", "char"),
    ("f32", "f32"),
    ("f64", "f64"),
    ("i16", "s16"),
    ("i32", "s32"),
    ("i64", "s64"),
    ("i8", "s8"),
    ("u16", "u16"),
    ("u32", "u32"),
    ("u64", "u64"),
    ("u8", "u8"),
];
/// More of them would be no signature that a person reads. WIT's own readers stop at 100 levels.
const DEEPEST: usize = 24;

/// Reads types, and with them the structs and enums of the module that they name.
pub(crate) struct Types<'a> {
    /// Structs, enums and aliases of the module, used or not.
    items: BTreeMap<String, &'a Item>,
    pub(crate) flags: BTreeSet<String>,
    pub(crate) declared: Vec<Declared>,
    pub(crate) names: Distinct,
    pub(crate) mistakes: Mistakes,
    /// Whether the module brings in a `Result` that is not the SDK's.
    pub(crate) another_result: bool,
    /// The SDK's path.
    pub(crate) sdk: TokenStream,
    read: BTreeMap<String, usize>,
    /// What the parameters of the alias that is being read stand for.
    standing_for: BTreeMap<String, Option<Type>>,
    depth: usize,
}

impl<'a> Types<'a> {
    /// `flags` are the structs that bear the attribute of this name.
    pub(crate) fn new(items: &'a [Item], flags: BTreeSet<String>, sdk: TokenStream) -> Self {
        let mut named = BTreeMap::new();
        for item in items {
            let ident = match item {
                Item::Enum(item) => &item.ident,
                Item::Struct(item) => &item.ident,
                Item::Type(item) => &item.ident,
                _ => continue,
            };
            named.insert(ident.unraw().to_string(), item);
        }
        Self {
            items: named,
            flags,
            declared: Vec::new(),
            names: Distinct::new("two types"),
            mistakes: Mistakes::default(),
            another_result: items.iter().any(brings_a_result),
            sdk,
            read: BTreeMap::new(),
            standing_for: BTreeMap::new(),
            depth: 0,
        }
    }

    /// A type.
    ///
    /// # Errors
    /// For what has no place in WIT, with what to write in its place.
    pub(crate) fn read(&mut self, written: &Written) -> syn::Result<Type> {
        if self.depth >= DEEPEST {
            return Err(syn::Error::new_spanned(written, format!("types are nested deeper than {DEEPEST} levels")));
        }
        self.depth += 1;
        let read = self.read_written(written);
        self.depth -= 1;
        read
    }

    /// A type of which `()` is one, too.
    ///
    /// # Errors
    /// As [`Types::read`].
    pub(crate) fn read_or_nothing(&mut self, written: &Written) -> syn::Result<Option<Type>> {
        match written {
            Written::Tuple(tuple) if tuple.elems.is_empty() => Ok(None),
            Written::Path(path) if self.stands_for_nothing(&path.path) => Ok(None),
            written => self.read(written).map(Some),
        }
    }

    /// Whether this is a parameter of the alias that is being read, and `()` was given for it.
    fn stands_for_nothing(&self, path: &syn::Path) -> bool {
        let name = path.get_ident().map(|ident| ident.unraw().to_string());
        name.is_some_and(|name| matches!(self.standing_for.get(&name), Some(None)))
    }

    fn read_written(&mut self, written: &Written) -> syn::Result<Type> {
        match written {
            Written::Group(group) => self.read(&group.elem),
            Written::Paren(paren) => self.read(&paren.elem),
            Written::Path(path) if path.qself.is_none() => self.path(&path.path),
            Written::Tuple(tuple) if !tuple.elems.is_empty() => {
                Ok(Type::Tuple(tuple.elems.iter().map(|part| self.read(part)).collect::<syn::Result<_>>()?))
            }
            other => Err(syn::Error::new_spanned(other, foreign::of_syntax(other))),
        }
    }

    fn path(&mut self, path: &syn::Path) -> syn::Result<Type> {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (Some(last), Some(name)) = (path.segments.last(), words.last().copied()) else {
            return Err(syn::Error::new_spanned(path, "this names no type"));
        };
        if let ([_], Some(known)) = (words.as_slice(), self.standing_for.get(name)) {
            let nothing = || syn::Error::new_spanned(path, foreign::of_syntax(&syn::parse_quote!(())));
            return known.clone().ok_or_else(nothing);
        }
        let of_module = matches!(words.as_slice(), [_] | ["self", _]);
        if let Some(item) = self.items.get(name).copied().filter(|_| of_module) {
            return self.item(name, item, last, path);
        }
        let of_library = matches!(words.as_slice(), [_] | ["std" | "core" | "alloc" | "hotcell" | "hotcell_sdk", ..]);
        if !of_library {
            return Err(syn::Error::new_spanned(path, foreign::by_path(&words.join("::"))));
        }
        self.builtin(name, last, path)
    }

    fn builtin(&mut self, name: &str, last: &syn::PathSegment, path: &syn::Path) -> syn::Result<Type> {
        let arguments = arguments(last);
        let wrong_number =
            |form: &str| Err(syn::Error::new_spanned(path, format!("`{name}` is written `{form}` in a signature")));
        if let Some((rust, wit)) = PLAIN.iter().find(|(rust, _)| *rust == name) {
            return Ok(Type::Plain(rust, wit));
        }
        match (name, arguments.as_slice()) {
            ("Option", [of]) => match self.read(of)? {
                // The two ways to have nothing would be one for whoever calls: JSON has one null.
                Type::Option(_) => {
                    let what = "an option in an option has two kinds of nothing, and JSON has one (null): use one `Option`, or an \
                                enum with a case for each";
                    Err(syn::Error::new_spanned(path, what))
                }
                of => Ok(Type::Option(Box::new(of))),
            },
            ("Option", _) => wrong_number("Option<T>"),
            ("Problem", []) => self.problem(path),
            ("Result", [_]) if self.another_result => {
                let what = "this module uses a `Result` of its own: write both types, as in `Result<T, String>`";
                Err(syn::Error::new_spanned(path, what))
            }
            ("Result", [_]) if self.items.contains_key("Problem") => {
                let what = "`Result` of one type has hotcell's `Problem` as its error, and this module declares its own: write `Result<T, Problem>`";
                Err(syn::Error::new_spanned(path, what))
            }
            ("Result", [ok]) => {
                let problem = self.problem(path)?;
                Ok(Type::Result(self.read_or_nothing(ok)?.map(Box::new), Some(Box::new(problem))))
            }
            ("Result", [ok, err]) => {
                let (ok, err) = (self.read_or_nothing(ok)?, self.read_or_nothing(err)?);
                Ok(Type::Result(ok.map(Box::new), err.map(Box::new)))
            }
            ("Result", _) => wrong_number("Result<T, E>"),
            ("Vec", [of]) => Ok(Type::List(Box::new(self.read(of)?))),
            ("Vec", _) => wrong_number("Vec<T>"),
            _ => Err(syn::Error::new_spanned(path, foreign::by_path(name))),
        }
    }

    /// A struct, an enum or an alias of the module.
    fn item(&mut self, name: &str, item: &'a Item, last: &syn::PathSegment, path: &syn::Path) -> syn::Result<Type> {
        let arguments = arguments(last);
        if let Item::Type(alias) = item {
            return self.alias(alias, &arguments, path);
        }
        if !arguments.is_empty() || matches!(last.arguments, PathArguments::AngleBracketed(_)) {
            let what =
                format!("`{name}` has type parameters, and WIT has none: declare a type of its own for each use");
            return Err(syn::Error::new_spanned(path, what));
        }
        if let Some(index) = self.known(name) {
            if self.declared.get(index).is_some_and(|declared| matches!(declared.shape, Shape::Open)) {
                let what = format!(
                    "`{name}` is a part of itself, and WIT has no recursive types: use a list of `{name}`s that name each other by an id, or JSON in a `String`"
                );
                return Err(syn::Error::new_spanned(path, what));
            }
            return Ok(Type::Named(index));
        }
        // The types of its fields are nested in it, not in what was read so far; its alias parameters are none of theirs.
        let (standing_for, depth) = (std::mem::take(&mut self.standing_for), std::mem::take(&mut self.depth));
        let index = self.declare(name, item);
        (self.standing_for, self.depth) = (standing_for, depth);
        Ok(Type::Named(index?))
    }

    /// The number of a type that was read before.
    pub(crate) fn known(&self, name: &str) -> Option<usize> {
        self.read.get(name).copied()
    }

    /// Notes a type that is about to be read. Returns its number.
    pub(crate) fn open(&mut self, name: &str, declared: Declared) -> usize {
        self.read.insert(name.to_owned(), self.declared.len());
        self.declared.push(declared);
        self.declared.len() - 1
    }

    fn alias(&mut self, alias: &syn::ItemType, arguments: &[&Written], path: &syn::Path) -> syn::Result<Type> {
        let parameters: Vec<_> = alias.generics.params.iter().collect();
        let mut standing_for = BTreeMap::new();
        for (index, parameter) in parameters.iter().enumerate() {
            let syn::GenericParam::Type(parameter) = parameter else {
                return Err(syn::Error::new_spanned(
                    parameter,
                    "WIT has neither lifetimes nor constants as parameters",
                ));
            };
            let argument = arguments.get(index).copied().or(parameter.default.as_ref());
            let Some(argument) = argument else {
                return Err(syn::Error::new_spanned(
                    path,
                    format!("`{}` lacks a type for `{}`", alias.ident, parameter.ident),
                ));
            };
            // `()` stands for itself only where a `Result` has it, which an alias passes on as it is.
            let read = self.read_or_nothing(argument)?;
            standing_for.insert(parameter.ident.unraw().to_string(), read);
        }
        let before = std::mem::replace(&mut self.standing_for, standing_for);
        let read = self.read(&alias.ty);
        self.standing_for = before;
        read
    }
}

/// The types in angle brackets.
fn arguments(segment: &syn::PathSegment) -> Vec<&Written> {
    match &segment.arguments {
        PathArguments::AngleBracketed(list) => {
            let types = list.args.iter().map(|argument| match argument {
                GenericArgument::Type(written) => Some(written),
                _ => None,
            });
            types.flatten().collect()
        }
        PathArguments::None | PathArguments::Parenthesized(_) => Vec::new(),
    }
}

/// Whether an item is `use something::Result`, which then hides the SDK's.
fn brings_a_result(item: &Item) -> bool {
    fn leaf(tree: &UseTree) -> bool {
        match tree {
            UseTree::Glob(_) => false,
            UseTree::Group(group) => group.items.iter().any(leaf),
            UseTree::Name(name) => name.ident == "Result",
            UseTree::Path(path) => leaf(&path.tree),
            UseTree::Rename(rename) => rename.rename == "Result",
        }
    }
    let Item::Use(item) = item else { return false };
    let of_sdk = |path: &syn::UsePath| path.ident == "hotcell" || path.ident == "hotcell_sdk";
    leaf(&item.tree) && !matches!(&item.tree, UseTree::Path(path) if of_sdk(path))
}
