//! Runs other programs: in the open, or into a log whose end is shown when they fail.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// A failure: what, and how to repair it.
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
}

/// A result of this tool.
pub(crate) type Done<T = ()> = Result<T, Failed>;

/// What a failed file operation says.
pub(crate) fn io<T>(result: std::io::Result<T>, what: &Path) -> Done<T> {
    result.map_err(|error| {
        Failed::new(format!("{}: {error}", what.display()), "check the disk and the rights of the folder")
    })
}

/// Runs a command with its output shown, and passes its exit code on.
pub(crate) fn shown(command: &mut Command) -> Done {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|error| Failed::new(format!("{name} cannot be started: {error}"), "is it installed?"))?;
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Failed { what: format!("{name} failed ({status})"), hint: String::new(), code })
}

/// Runs a command for its output; `None` if it cannot be started or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command with its output in a log file; when it fails, the log's last lines are the hint.
pub(crate) fn logged(command: &mut Command, log: &Path) -> Done {
    let name = command.get_program().to_string_lossy().into_owned();
    let file = io(File::options().create(true).append(true).open(log), log)?;
    let both = io(file.try_clone(), log)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(both)
        .status()
        .map_err(|error| Failed::new(format!("{name} cannot be started: {error}"), "is it installed?"))?;
    if status.success() {
        return Ok(());
    }
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n      ");
    Err(Failed::new(
        format!("{name} failed ({status})"),
        format!("the whole output is in {}; its end:\n      {last}", log.display()),
    ))
}

/// Runs a command quietly for at most `limit`; whether it succeeded in that time.
pub(crate) fn succeeds_within(command: &mut Command, limit: Duration) -> bool {
    let Ok(mut child) = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return false;
    };
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if started.elapsed() < limit => std::thread::sleep(Duration::from_millis(50)),
            _ => {
                drop(child.kill());
                drop(child.wait());
                return false;
            }
        }
    }
}
