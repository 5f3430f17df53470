//! Runs other programs: in the open, or into a log whose end is shown when they fail.

use std::fs::File;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::say;

/// How often a program that runs into a log is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How many of a log's last lines a failure shows.
const LAST_LINES: usize = 12;

/// A failure: what, how to repair it, and the exit code of this process.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) what: String,
    pub(crate) hint: String,
    pub(crate) code: u8,
}

impl Failed {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), code: 1 }
    }

    /// A wrong command line.
    pub(crate) fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), code: 2 }
    }
}

/// A result of this tool.
pub(crate) type Done<T = ()> = Result<T, Failed>;

/// What a failed file operation says.
pub(crate) fn io<T>(result: std::io::Result<T>, what: &Path) -> Done<T> {
    result.map_err(|error| {
        Failed::new(format!("{}: {error}", what.display()), "check the disk's free space and the rights of the folder")
    })
}

/// Runs a command with its output shown, and takes its exit code over.
pub(crate) fn shown(command: &mut Command) -> Done {
    let name = title(command);
    let status = command.status().map_err(|error| not_started(&name, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failed {
        what: format!("`{name}` failed ({status})"),
        hint: "its own output above says why".to_owned(),
        code: code(status),
    })
}

/// Runs a command that says itself why it fails: its exit code is taken over, and nothing added.
pub(crate) fn passed_on(command: &mut Command) -> Done {
    let name = title(command);
    let status = command.status().map_err(|error| not_started(&name, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failed { what: String::new(), hint: String::new(), code: code(status) })
}

/// Runs a command for its output; `None` if it cannot be started or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command with its output in a log file; when it fails, the log's last lines are the hint.
pub(crate) fn logged(command: &mut Command, log: &Path) -> Done {
    let name = title(command);
    match within(command, None, log)? {
        Ended::Well => Ok(()),
        Ended::Badly(status) => Err(Failed::new(
            format!("`{name}` failed ({status})"),
            format!("the whole output is in {}; its end:\n      {}", log.display(), last_lines(log)),
        )),
        Ended::Late => Err(Failed::new(format!("`{name}` took too long"), "try again")),
    }
}

/// How a program ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With a failure.
    Badly(ExitStatus),
    /// Not in its time: it was killed.
    Late,
    /// With success.
    Well,
}

/// Runs a command with its output in a log file, for at most `limit`.
pub(crate) fn within(command: &mut Command, limit: Option<Duration>, log: &Path) -> Done<Ended> {
    let name = title(command);
    let file = io(File::options().create(true).append(true).open(log), log)?;
    let both = io(file.try_clone(), log)?;
    let child = command.stdin(Stdio::null()).stdout(file).stderr(both).spawn();
    let mut child = child.map_err(|error| not_started(&name, &error))?;
    let ended = wait(&mut child, limit);
    say::quiet();
    io(ended, Path::new(&name))
}

fn wait(child: &mut Child, limit: Option<Duration>) -> std::io::Result<Ended> {
    let started = Instant::now();
    let mut seconds = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() { Ended::Well } else { Ended::Badly(status) });
        }
        if limit.is_some_and(|limit| started.elapsed() >= limit) {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::Late);
        }
        if started.elapsed().as_secs() > seconds {
            seconds = started.elapsed().as_secs();
            say::waiting(started.elapsed());
        }
        std::thread::sleep(LOOK);
    }
}

/// `cargo build` for `/usr/bin/cargo +toolchain build --release`.
fn title(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy();
    let verb = command.get_args().map(|arg| arg.to_string_lossy()).find(|arg| !arg.starts_with(['+', '-']));
    verb.filter(|verb| !verb.contains('/')).map_or_else(|| program.to_string(), |verb| format!("{program} {verb}"))
}

fn not_started(name: &str, error: &std::io::Error) -> Failed {
    Failed::new(format!("`{name}` cannot be started: {error}"), "is it installed, and on PATH?")
}

fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn last_lines(log: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n      ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_program_and_verb() {
        assert_eq!(title(Command::new("/usr/bin/cargo").args(["+hotcell-guest", "build", "--release"])), "cargo build");
        assert_eq!(title(Command::new("dpkg").args(["-x", "/a/b.deb"])), "dpkg");
        assert_eq!(title(&Command::new("rustc")), "rustc");
    }

    #[cfg(unix)]
    #[test]
    fn the_exit_code_of_a_program_is_taken_over() {
        let failed = passed_on(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!((failed.code, failed.what.as_str()), (7, ""));
        assert_eq!(shown(Command::new("sh").args(["-c", "exit 100"])).unwrap_err().code, 100);
        assert_eq!(shown(&mut Command::new("no-such-program")).unwrap_err().code, 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended_at_its_limit_and_a_failure_shows_the_log() {
        let folder = std::env::temp_dir().join(format!("hotcell-x-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let log = folder.join("log.txt");
        let started = Instant::now();
        let late = within(Command::new("sleep").arg("30"), Some(Duration::from_millis(100)), &log);
        assert_eq!(late.unwrap(), Ended::Late);
        assert!(started.elapsed() < Duration::from_secs(10));
        let failed = logged(Command::new("sh").args(["-c", "echo because; exit 3"]), &log).unwrap_err();
        assert!(failed.hint.contains("because") && failed.hint.contains(&log.display().to_string()), "{failed:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
