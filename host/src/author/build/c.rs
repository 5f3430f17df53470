//! C: bindings made of the WIT files, clang, wasm-ld, and the component encoder. Nothing of it but clang is to be installed.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::Command;

use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::shown;
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME;
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER;
use wit_bindgen_c::Opts;
use wit_bindgen_core::Files;
use wit_component::ComponentEncoder;

use super::Made;
use super::Profile;
use super::clang;
use super::clang::Tools;
use super::wit;
use crate::author::project::Project;
use crate::author::run;
use crate::author::run::Heard;
use crate::author::run::Say;
use crate::folders;

/// What the bindings are called, whatever the world's name: `tool.h`, `tool_string_t`. The SDK's header relies on it.
const PREFIX: &str = "tool";
/// Where sources are, besides the SDK's.
const SOURCE: &str = "src";
const WHERE_SDK_IS: &str = "sdk";
const BINDINGS: &str = "build/bindings";
const OBJECTS: &str = "build/objects";
const CORE: &str = "build/core.wasm";
/// Bytes of a tool's stack. It lies below everything else, so that an overflow traps and overwrites nothing.
const STACK: u32 = 256 * 1024;

/// Builds the project's C files.
pub(super) fn build(project: &Project, profile: Profile, say: Say<'_>) -> Result<Made, Refusal> {
    let tools = clang::find()?;
    say(Heard::Step("making C bindings of the WIT files"));
    let generated = bindings(project)?;
    let dir = folders::make_folder_in(&project.dir, BINDINGS)?;
    for (name, bytes) in generated.iter() {
        write_changed(&dir, name, bytes)?;
    }
    folders::make_folder_in(&project.dir, OBJECTS)?;
    let mut objects = vec![project.path(BINDINGS).join(format!("{PREFIX}_component_type.o"))];
    for source in sources(project)? {
        say(Heard::Step(&format!("compiling {source} with clang")));
        objects.push(compile(project, &tools, profile, &source, say)?);
    }
    say(Heard::Step("linking with wasm-ld"));
    link(project, &tools, profile, &objects, say)?;
    let core = folders::read_named_file(&project.path(CORE), limits::COMPONENT_BYTES)?;
    Ok(Made { component: component(&core)? })
}

fn bindings(project: &Project) -> Result<Files, Refusal> {
    let folder = project.wit()?.ok_or_else(|| {
        Refusal::new(
            Code::BadConfig,
            "the project has no folder `wit`, so nobody knows its actions",
            "write wit/world.wit with a world that exports them",
        )
    })?;
    let (mut resolve, world) = wit::read(&folder, project.build.world.as_deref())?;
    // The generator would rather panic than be wrong about a type that it does not know.
    let generated = catch_unwind(AssertUnwindSafe(|| {
        let mut files = Files::default();
        let options = Opts { rename_world: Some(PREFIX.to_owned()), ..Opts::default() };
        options.build().generate(&mut resolve, world, &mut files).map(|()| files).map_err(|error| format!("{error:#}"))
    }));
    generated.unwrap_or_else(|_| Err("a type has no form in C".to_owned())).map_err(|why| {
        Refusal::new(
            Code::BuildFailed,
            format!("there are no C bindings for this world: {}", shown(&why, 500)),
            "use plain functions over records, lists, variants and strings",
        )
    })
}

/// What did not change keeps its time, for whoever builds with make beside this.
fn write_changed(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
    if dir.read(name).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    folders::replace_open_file(dir, name, bytes)
}

/// Every C file, relative to the project, in the alphabet's order: the same files make the same component.
fn sources(project: &Project) -> Result<Vec<String>, Refusal> {
    let own = project.build.source.as_deref().unwrap_or(SOURCE);
    let mut found = vec![format!("{BINDINGS}/{PREFIX}.c")];
    for folder in [WHERE_SDK_IS, own] {
        let Ok(entries) = project.dir.read_dir(folder) else { continue };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".c")).collect();
        names.sort();
        found.extend(names.iter().map(|name| format!("{folder}/{name}")));
    }
    if found.iter().any(|path| path.starts_with(&format!("{own}/"))) {
        return Ok(found);
    }
    Err(Refusal::new(
        Code::BadConfig,
        format!("there is no .c file in {own}"),
        "put the sources there, or name their folder in hotcell.toml: [build], source = \"FOLDER\"",
    ))
}

fn compile(project: &Project, tools: &Tools, profile: Profile, source: &str, say: Say<'_>) -> Result<PathBuf, Refusal> {
    let object = project.path(OBJECTS).join(format!("{}.o", source.replace('/', "-")));
    let mut clang = Command::new(&tools.clang);
    clang.current_dir(&project.folder).arg(format!("--target={}", clang::TARGET)).arg("-isystem").arg(&tools.include);
    match profile {
        Profile::Debug => clang.args(["-O0", "-g"]),
        Profile::Release => clang.arg("-Os"),
    };
    if !source.starts_with(BINDINGS) {
        clang.args(["-Wall", "-Wextra"]);
    }
    let own = project.build.source.as_deref().unwrap_or(SOURCE);
    for folder in [BINDINGS, WHERE_SDK_IS, own] {
        clang.arg("-I").arg(folder);
    }
    run::builder(clang.arg("-c").arg(source).arg("-o").arg(&object), "install clang", say)?;
    Ok(object)
}

fn link(project: &Project, tools: &Tools, profile: Profile, objects: &[PathBuf], say: Say<'_>) -> Result<(), Refusal> {
    let mut linker = Command::new(&tools.linker);
    linker.current_dir(&project.folder).args(["--no-entry", "--gc-sections", "--stack-first", "-z"]);
    linker.arg(format!("stack-size={STACK}"));
    if profile == Profile::Release {
        linker.arg("--strip-debug");
    }
    linker.arg("-o").arg(project.path(CORE)).arg(tools.lib.join("crt1-reactor.o")).args(objects);
    linker.arg("-L").arg(&tools.lib).args(["-lm", "-lc"]).arg(&tools.builtins);
    run::builder(&mut linker, "install lld", say).map(drop)
}

/// The module as a component. Its world is in a section of the object file that the bindings came with.
fn component(core: &[u8]) -> Result<Vec<u8>, Refusal> {
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(core)
        .and_then(|encoder| encoder.adapter(ADAPTER_NAME, ADAPTER))
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| {
        Refusal::new(
            Code::BuildFailed,
            format!("the linked module is no component: {}", shown(&format!("{error:#}").replace('\n', "; "), 500)),
            "export every action of the world with the signature that build/bindings/tool.h declares",
        )
    })
}
