//! What to say of types that WIT has no word for.

use syn::Type as Written;

/// A type that is not written as a path.
pub(crate) fn of_syntax(written: &Written) -> String {
    let what = match written {
        Written::Array(_) => "an array has no place in WIT: use `Vec<T>`, or a tuple",
        Written::BareFn(_) => "a function cannot be handed over",
        Written::ImplTrait(_) => "`impl Trait` does not say what is handed over: name the type",
        Written::Infer(_) => "the type must be written out: the caller learns it from here",
        Written::Macro(_) => "a macro cannot stand for a type here: write the type out",
        Written::Never(_) => "an action returns: leave the result out instead of `!`",
        Written::Ptr(_) => "a pointer cannot be handed over",
        Written::Reference(reference) => {
            return match &*reference.elem {
                Written::Path(path) if path.path.is_ident("str") => {
                    "an action owns what it gets: use `String` instead of `&str`".to_owned()
                }
                Written::Slice(_) => "an action owns what it gets: use `Vec<T>` instead of a slice".to_owned(),
                _ => "an action owns what it gets, and gives what it returns away: use the type without `&`".to_owned(),
            };
        }
        Written::Slice(_) => "a slice has no place in WIT: use `Vec<T>`",
        Written::TraitObject(_) => "`dyn Trait` does not say what is handed over: name the type",
        Written::Tuple(_) => "`()` holds nothing: leave it out, or use it in a `Result` alone",
        _ => "this type has no place in WIT",
    };
    what.to_owned()
}

/// A type, by its path, that no item of the module has the name of.
pub(crate) fn by_path(path: &str) -> String {
    let name = path.rsplit("::").next().unwrap_or(path);
    let instead = match name {
        "BTreeMap" | "HashMap" | "IndexMap" => "use `Vec<(K, V)>`, or a struct if the keys are known",
        "BTreeSet" | "BinaryHeap" | "HashSet" | "LinkedList" | "VecDeque" => "use `Vec<T>`",
        "Arc" | "Box" | "Cell" | "Cow" | "Mutex" | "Rc" | "RefCell" | "RwLock" => "use the type that it holds",
        "CString" | "OsString" | "PathBuf" | "Url" | "Uuid" => "use `String`",
        "DateTime" | "Instant" | "SystemTime" | "Timestamp" => {
            "use `String` with the time as RFC 3339 has it, or `u64`"
        }
        "Duration" => "use `u64`, and say the unit in the name, as in `timeout_ms`",
        "Map" | "Number" | "Value" => "declare a struct of what is in it, or use `String` with JSON in it",
        "Self" => "name the type",
        "i128" | "u128" => "use `i64` or `u64`, or `String` for greater numbers",
        "isize" => "use `i32` or `i64`",
        "str" => "use `String`",
        "usize" => "use `u32` or `u64`",
        _ => {
            return format!(
                "`{path}` is not declared in this module, where its parts can be read: declare `struct {name}` or `enum {name}` here"
            );
        }
    };
    format!("`{name}` has no place in WIT: {instead}")
}
