//! The macro as a whole: WIT and section of a module with every type, and what the compiler cannot show as it is (where it
//! has something of its own to say beside it). Other mistakes are in `tests/sdk/ui`.

use super::*;

/// The guest that the sandbox's tests call.
const EVERY_TYPE: &str = include_str!("../../../tests/guests/every-type/src/lib.rs");
const WIT: &str = include_str!("every-type.wit");
const SECTION: &str = include_str!("every-type.toml");

fn read(source: &str, arguments: &str) -> (Option<Tool>, Vec<String>) {
    let file = syn::parse_file(source).unwrap();
    let mut modules = file.items.into_iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module),
        _ => None,
    });
    let mut module = modules.next().unwrap();
    let arguments = syn::parse_str(arguments).unwrap();
    let (tool, mistakes) = module::read(arguments, &mut module, quote!(::hotcell));
    (tool, mistakes.texts())
}

fn mistakes(source: &str) -> Vec<String> {
    read(source, "").1
}

/// Compares with a golden file, or writes it if `HOTCELL_GOLDEN` is set.
fn same(name: &str, golden: &str, made: &str) {
    if std::env::var_os("HOTCELL_GOLDEN").is_some() {
        std::fs::write(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name), made).unwrap();
    } else {
        assert_eq!(golden, made, "{name} differs: look at it, and run again with HOTCELL_GOLDEN=1");
    }
}

#[test]
fn a_module_with_every_type_becomes_this_wit_and_this_section() {
    let (tool, mistakes) = read(EVERY_TYPE, "service = \"upstream\"");
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let tool = tool.unwrap();
    same("every-type.wit", WIT, &wit::world(&tool));
    same("every-type.toml", SECTION, &actions::section(&tool).unwrap());
}

#[test]
fn an_interface_is_exported_under_its_name() {
    let source = "mod tool { /// Counts.\npub fn count(of: State) -> u8 { 1 } pub enum State { Open } }";
    let (tool, mistakes) = read(source, "interface = \"api\"");
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let tool = tool.unwrap();
    assert_eq!(
        wit::world(&tool),
        "package code-first:%tool;\n\nworld %tool {\n    export %api: interface {\n        enum %state {\n            %open,\n        \
         }\n\n        /// Counts.\n        %count: func(%of: %state) -> u8;\n    }\n}\n"
    );
    assert_eq!(actions::section(&tool).unwrap(), "\n[actions.\"api.count\"]\ndescription = \"Counts.\"\n");
    let (_, mistakes) = read("mod tool { pub fn state(of: State) {} pub enum State { Open } }", "interface = \"api\"");
    assert_eq!(
        mistakes,
        ["in an interface, types and actions share their names: `State` and `state` both become `state`"]
    );
}

#[test]
fn mistakes_that_the_compiler_speaks_of_too_are_told_as_well() {
    for (source, told) in [
        ("mod tool;", "the macro sees this file alone: write the actions here, `mod tool { … }`"),
        ("mod t { pub fn f(&self) {} }", "an action has no `self`: a tool keeps nothing from one call to the next"),
        ("mod t { pub fn f() -> Vec { } }", "`Vec` is written `Vec<T>` in a signature"),
        ("mod t { pub fn f(a: Option) { } }", "`Option` is written `Option<T>` in a signature"),
        ("mod t { pub fn f() -> Result { } }", "`Result` is written `Result<T, E>` in a signature"),
        ("mod t { pub fn f() -> Vec<_> { } }", "the type must be written out: the caller learns it from here"),
        ("mod t { pub fn f() -> Self { } }", "`Self` has no place in WIT: name the type"),
        ("mod t { pub fn f() -> <A as B>::C { } }", "this type has no place in WIT"),
        ("mod t { pub fn f() -> ! { } }", "an action returns: leave the result out instead of `!`"),
        ("mod t { pub fn f(a: str) { } }", "`str` has no place in WIT: use `String`"),
        ("mod t { pub fn f(a: [u8]) { } }", "a slice has no place in WIT: use `Vec<T>`"),
        ("mod t { pub fn f(a: dyn A) { } }", "`dyn Trait` does not say what is handed over: name the type"),
        ("mod t { pub fn f(a: *const u8) { } }", "a pointer cannot be handed over"),
        ("mod t { type A<T> = Vec<T>; pub fn f(a: A) { } }", "`A` lacks a type for `T`"),
        ("mod t { type A<'a> = B<'a>; pub fn f(a: A) { } }", "WIT has neither lifetimes nor constants as parameters"),
    ] {
        assert_eq!(mistakes(source), [told], "{source}");
    }
}

#[test]
fn types_are_nested_no_deeper_than_anybody_reads_and_an_alias_of_itself_ends() {
    let nested =
        |levels: usize| format!("mod t {{ pub fn f(a: {}u8{}) {{}} }}", "Vec<".repeat(levels), ">".repeat(levels));
    assert_eq!(mistakes(&nested(23)), [""; 0]);
    assert_eq!(mistakes(&nested(24)), ["types are nested deeper than 24 levels"]);
    assert_eq!(mistakes("mod t { type A = Vec<A>; pub fn f(a: A) {} }"), ["types are nested deeper than 24 levels"]);
}

#[test]
fn descriptions_that_grow_without_end_are_refused_while_they_grow() {
    let docs = "x".repeat(50);
    let mut source = String::from("mod t { pub fn f(a: T0) {} ");
    for level in 0..40 {
        source += &format!("pub struct T{level} {{ /// {docs}\npub a: T{0}, /// {docs}\npub b: T{0} }} ", level + 1);
    }
    let (tool, mistakes) = read(&format!("{source} pub struct T40 {{ pub a: u8 }} }}"), "");
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert!(actions::section(&tool.unwrap()).unwrap_err().contains("more than 61440 bytes"));
}

#[test]
fn a_module_keeps_its_items_where_it_has_mistakes() {
    let item = "mod t { #[scope(\"a\", \"b\")] pub fn f(/// Doc.\n a: usize) {} }".parse().unwrap();
    let code = made(TokenStream::new(), item).to_string();
    assert!(code.contains("compile_error") && code.contains("pub fn f (a : usize)"), "{code}");
    assert!(!code.contains("scope") && !code.contains("__hotcell"), "{code}");
}

/// The usual alias of a library, with nothing as its result.
#[test]
fn an_alias_of_result_takes_nothing_as_result_does() {
    let source = "mod tool { type Answer<T> = std::result::Result<T, String>; pub fn a() -> Answer<()> { Ok(()) } \
        pub fn b() -> Answer<u8> { Ok(1) } }";
    let (tool, wrong) = read(source, "");
    assert!(wrong.is_empty(), "{wrong:?}");
    let world = wit::world(&tool.unwrap());
    assert!(world.contains("%a: func() -> result<_, string>;") && world.contains("%b: func() -> result<u8, string>;"));
    let source = "mod tool { type Both<T> = (T, u8); pub fn a() -> Both<()> { ((), 1) } }";
    assert_eq!(mistakes(source).len(), 1);
}
