//! JavaScript: npm brings componentize-js as the project's lock file pins it, and that makes the component.

use std::path::Path;
use std::process::Command;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::World;
use hotcell_protocol::limits;
use serde_json::Value;

use super::Made;
use super::work;
use crate::Manifest;
use crate::author::project::Project;
use crate::author::run;
use crate::author::run::Heard;
use crate::author::run::Say;
use crate::folders;

/// Node.js releases before this one are no longer kept, and the builder is not tried with them.
const OLDEST_NODE: u32 = 20;
const INSTALL_NODE: &str = "install Node.js 20 or later, which brings npm: https://nodejs.org";
const SOURCE: &str = "src/tool.js";
/// The builder, below `node_modules`.
const BUILDER: &str = "@bytecodealliance/componentize-js/src/cli.js";
/// What writes types for editors. Newer releases moved it.
const TYPES: [&str; 2] = ["@bytecodealliance/jco/src/jco.js", "@bytecodealliance/jco/dist/jco.js"];
/// What decides what npm brings.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];

/// Builds the project's module.
///
/// # Errors
/// [`Code::BuildFailed`] if Node.js or the builder is missing, too old, or fails.
pub(super) fn build(project: &Project, say: Say<'_>) -> Result<Made, Refusal> {
    let node = run::answer(Command::new("node").arg("--version"));
    require_node(node.as_deref())?;
    let package = package(project)?;
    let wit = work::wit(project)?;
    bring(project, say)?;
    let cli = project.path("node_modules").join(BUILDER);
    if !cli.is_file() {
        return Err(Refusal::new(
            Code::BuildFailed,
            "package.json does not bring @bytecodealliance/componentize-js, which makes the component",
            "npm install --save-dev --save-exact @bytecodealliance/componentize-js@0.23.0",
        ));
    }
    types(project, &wit, say);
    if package.pointer("/scripts/build").is_some() {
        say(Heard::Step("running the script `build` of package.json"));
        run::script(npm(project).args(["run", "build"]), INSTALL_NODE, say)?;
    }
    let source = project.build.source.as_deref().unwrap_or(SOURCE);
    check_syntax(project, source, say)?;
    let made = work::made(project)?;
    let mut command = node_in(project, &cli);
    command.arg(source).arg("--wit").arg(&wit).arg("--out").arg(&made);
    if let Some(world) = &project.build.world {
        command.args(["--world-name", world]);
    }
    command.arg("--disable").args(left_out(&project.manifest));
    say(Heard::Step("making the component with componentize-js (about ten seconds)"));
    let readable = |heard: Heard<'_>| match heard {
        Heard::Failed(lines) => say(Heard::Failed(&readable(lines, source))),
        Heard::Line(_) => {}
        other => say(other),
    };
    run::builder(&mut command, INSTALL_NODE, &readable)?;
    Ok(Made { component: folders::read_named_file(&made, limits::COMPONENT_BYTES)? })
}

/// Parts of the engine that stay out. A tool answers no requests; and without `wasi:http` in the manifest, `fetch` would be
/// an import that Hotcell refuses.
fn left_out(manifest: &Manifest) -> Vec<&'static str> {
    let http = manifest.imports.contains(&World::WasiHttp);
    if http { vec!["fetch-event"] } else { vec!["fetch-event", "http"] }
}

fn require_node(version: Option<&str>) -> Result<(), Refusal> {
    let Some(version) = version.map(str::trim) else {
        return Err(Refusal::new(
            Code::BuildFailed,
            "Node.js is not installed, which builds tools in JavaScript",
            INSTALL_NODE,
        ));
    };
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= OLDEST_NODE) {
        return Ok(());
    }
    Err(Refusal::new(Code::BuildFailed, format!("Node.js is too old: {version}, and 20 is needed"), INSTALL_NODE))
}

fn package(project: &Project) -> Result<Value, Refusal> {
    let bad = |what: String| {
        Refusal::new(Code::BadConfig, what, "compare it with that of a new project: hotcell new NAME --lang js")
    };
    let bytes = folders::read_file(&project.dir, "package.json", limits::MANIFEST_BYTES)?
        .ok_or_else(|| bad("there is no package.json, which says what builds the tool".into()))?;
    serde_json::from_slice(&bytes).map_err(|error| bad(format!("package.json is no JSON: {error}")))
}

/// Has npm bring what the project names, unless that is there.
fn bring(project: &Project, say: Say<'_>) -> Result<(), Refusal> {
    work::once(project, "node_modules", &PINS, "", || {
        let locked = project.path("package-lock.json").is_file();
        say(Heard::Step("bringing what package.json names with npm (once)"));
        // No scripts: nothing that the builder needs has one, and a package that grows one is not to run it here.
        let how = if locked { "ci" } else { "install" };
        let mut npm = npm(project);
        npm.args([how, "--ignore-scripts", "--no-audit", "--no-fund"]);
        run::builder(&mut npm, INSTALL_NODE, say).map(drop)
    })
}

/// Types for editors, of the project's own WIT. A tool is built without them, too.
fn types(project: &Project, wit: &Path, say: Say<'_>) {
    let Some(cli) = TYPES.iter().map(|path| project.path("node_modules").join(path)).find(|path| path.is_file()) else {
        return;
    };
    let mut command = node_in(project, &cli);
    command.arg("guest-types").arg(wit).arg("--out-dir").arg(project.path(".hotcell/types")).arg("--quiet");
    if let Some(world) = &project.build.world {
        command.args(["--world-name", world]);
    }
    say(Heard::Step("writing types for editors into .hotcell/types"));
    if run::answer(&mut command).is_none() {
        say(Heard::Line("jco could not write them; the tool is built without"));
    }
}

/// Node's own check: the builder says that a file has a mistake, and not where.
fn check_syntax(project: &Project, source: &str, say: Say<'_>) -> Result<(), Refusal> {
    if !project.path(source).is_file() {
        return Err(Refusal::new(
            Code::BadConfig,
            format!("there is no {source}, which the tool is built of"),
            "name the module in hotcell.toml: [build], source = \"src/tool.js\"",
        ));
    }
    let mut command = node_in(project, Path::new("--check"));
    let readable = |heard: Heard<'_>| match heard {
        Heard::Failed(lines) => say(Heard::Failed(&of_node(lines, &project.folder))),
        Heard::Line(_) => {}
        other => say(other),
    };
    run::builder(command.arg(source), INSTALL_NODE, &readable).map(drop)
}

fn npm(project: &Project) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(&project.folder);
    command
}

fn node_in(project: &Project, script: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(script).current_dir(&project.folder);
    command
}

/// What `node --check` says, without its own stack, and with the path as the author knows it.
fn of_node(lines: &[String], folder: &Path) -> Vec<String> {
    let prefix = format!("{}{}", folder.display(), std::path::MAIN_SEPARATOR);
    let own = lines.iter().take_while(|line| !line.trim_start().starts_with("at "));
    own.filter(|line| !line.is_empty()).map(|line| line.replace(&prefix, "")).collect()
}

/// What the builder says, without its own stack: the message alone, which names the author's line.
fn readable(lines: &[String], source: &str) -> Vec<String> {
    let first = lines.iter().position(|line| line.starts_with("Error: ") || line.starts_with("ComponentError: "));
    let Some(message) = first.and_then(|first| lines.get(first..)) else { return lines.to_vec() };
    let message = message.iter().take_while(|line| !line.starts_with("    at "));
    let needless = |line: &str| {
        line.is_empty()
            || line.starts_with("Error: Failed to initialize component")
            || line.starts_with("Error: Unable to extract expected exports list")
            || line == "Exception while evaluating top-level script"
            || line.starts_with("Additionally, some promises were rejected")
            || line.starts_with("Promise rejected but never handled")
            || line == "Stack:"
            || line.starts_with("  @")
    };
    let own = message.filter(|line| !needless(line)).map(|line| {
        let line = line.trim_start_matches("Component").trim_start_matches("Error: ");
        line.replace("\"source.js\"", source)
    });
    own.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_old_or_missing_node_is_refused_with_the_repair() {
        require_node(Some("v20.20.2\n")).unwrap();
        require_node(Some("v26.0.0-nightly\n")).unwrap();
        for version in [None, Some("v18.19.0"), Some("v8"), Some("not a version"), Some("")] {
            let refusal = require_node(version).unwrap_err();
            assert_eq!(refusal.code, Code::BuildFailed);
            assert!(refusal.hint.contains("Node.js 20"), "{refusal:?}");
        }
    }

    #[test]
    fn fetch_is_left_out_unless_the_manifest_asks_for_it() {
        let manifest =
            |more: &str| Manifest::parse(&format!("name = \"a\"\nversion = \"1\"\n{more}"), "hotcell.toml").unwrap();
        assert_eq!(left_out(&manifest("")), ["fetch-event", "http"]);
        assert_eq!(left_out(&manifest("imports = [\"wasi:http\"]\n")), ["fetch-event"]);
    }

    #[test]
    fn a_mistake_in_the_authors_file_is_shown_with_its_line_and_without_the_builders_stack() {
        let thrown = "file:///p/node_modules/@bytecodealliance/componentize-js/src/componentize.js:365\n\
            \x20   throw new Error(err);\n          ^\n\n\
            Error: Failed to initialize component (wizer (/p/node_modules/wizer)):\n\
            Exception while evaluating top-level script\n\
            src/tool.js:3:7 Error: at top\n\
            Additionally, some promises were rejected, but the rejection never handled:\n\
            Promise rejected but never handled: at top\n\
            Stack:\n  @src/tool.js:3:7\n\
            \x20   at componentize (file:///p/componentize.js:365:11)\n\nNode.js v20.20.2";
        assert_eq!(readable(&lines(thrown), "src/tool.js"), ["src/tool.js:3:7 Error: at top"]);
        let missing = "    throw new Error(msg);\n\n\
            Error: Unable to extract expected exports list\n\
            Error: \"source.js\" does not export a \"listIssues\" function as expected by the world.\n\
            \x20 Try defining it:\n  export function listIssues() {};\n\
            \x20   at handleCheckInitOutput (file:///p/componentize.js:616:11)";
        assert_eq!(
            readable(&lines(missing), "src/tool.js"),
            [
                "src/tool.js does not export a \"listIssues\" function as expected by the world.",
                "  Try defining it:",
                "  export function listIssues() {};",
            ]
        );
        assert_eq!(
            readable(&lines("something else"), "src/tool.js"),
            ["something else"],
            "what is not known is shown whole"
        );
    }

    #[test]
    fn a_syntax_error_is_shown_as_node_shows_it_with_the_authors_own_path() {
        let said = "/home/a/x/src/tool.js:2\n  return \"x\" +;\n              ^\n\n\
            SyntaxError: Unexpected token ';'\n    at checkSyntax (node:internal/main/check_syntax:74:5)\n\nNode.js v20.20.2";
        let shown = of_node(&lines(said), Path::new("/home/a/x"));
        let separator = std::path::MAIN_SEPARATOR;
        if separator == '/' {
            assert_eq!(shown[0], "src/tool.js:2");
        }
        assert_eq!(shown.last().unwrap(), "SyntaxError: Unexpected token ';'");
    }
}
