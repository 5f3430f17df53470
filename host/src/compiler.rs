//! Compiles components in a process of their own: what a hostile component does to a compiler (time without end, memory
//! without end, a crash) ends with that process. wasmtime does not count such things as its own mistakes.

use std::io::Read as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;

/// The hidden command that is the child's whole work.
pub const COMMAND: &str = "compile-component";
/// How often the child is looked at.
const LOOK: Duration = Duration::from_millis(1);
/// How much of what the child says is kept.
const ERROR_BYTES: u64 = 4096;

/// How components are compiled.
#[derive(Debug, Clone, Default)]
pub enum Compiler {
    /// In a child: this program, which must be `hotcell` itself.
    Child(PathBuf),
    /// In this process: for programs that embed Hotcell and have no such child.
    #[default]
    Here,
}

impl Compiler {
    /// Compiles a component.
    ///
    /// # Errors
    /// [`Code::BadComponent`] for what cannot be compiled, or not within its time and memory.
    pub(crate) fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Here => hotcell_sandbox::compile(component),
            Self::Child(program) => {
                let mut command = Command::new(program);
                command.arg(COMMAND);
                in_child(command, component, limits::COMPILE_TIME)
            }
        }
    }
}

fn in_child(mut command: Command, component: &[u8], most: Duration) -> Result<Vec<u8>, Refusal> {
    let started = Instant::now();
    // No environment: nothing of it is a compiler's business.
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|_| Refusal::internal("the compiler's process cannot be started"))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A child that is gone does not read: its exit says why.
            drop(stdin.map(|mut stdin| stdin.write_all(component)));
        });
        let code = scope.spawn(move || read(stdout, u64::try_from(limits::CODE_BYTES).unwrap_or(u64::MAX)));
        let said = scope.spawn(move || read(stderr, ERROR_BYTES));
        let ended = wait(&mut child, started, most);
        let code = code.join().unwrap_or_default();
        let said = said.join().unwrap_or_default();
        match ended {
            Ended::Well => Ok(code),
            Ended::Late => Err(too_much(&format!("it took more than {} s", most.as_secs()))),
            // The child's own refusal, as JSON; or it was killed at a limit.
            Ended::Badly => Err(serde_json::from_slice(&said)
                .unwrap_or_else(|_| too_much("the compiler ran out of memory, or crashed over it"))),
        }
    })
}

enum Ended {
    Badly,
    Late,
    Well,
}

fn wait(child: &mut Child, started: Instant, most: Duration) -> Ended {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return if status.success() { Ended::Well } else { Ended::Badly },
            Ok(None) if started.elapsed() < most => std::thread::sleep(LOOK),
            _ => {
                drop(child.kill());
                drop(child.wait());
                return Ended::Late;
            }
        }
    }
}

fn read(from: Option<impl std::io::Read>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    drop(from.map(|from| from.take(most).read_to_end(&mut bytes)));
    bytes
}

fn too_much(why: &str) -> Refusal {
    Refusal::new(
        Code::BadComponent,
        format!("the component cannot be compiled: {why}"),
        "build it in release mode, without debug information; a component that is like this on purpose is hostile",
    )
}

/// The child's side: a component on standard input, its code on standard output, a refusal on standard error.
#[must_use]
pub fn child() -> ExitCode {
    limit();
    let mut component = Vec::new();
    let most = u64::try_from(limits::COMPONENT_BYTES).unwrap_or(u64::MAX);
    let read = std::io::stdin().take(most).read_to_end(&mut component);
    let compiled = read
        .map_err(|_| Refusal::internal("the compiler cannot read the component"))
        .and_then(|_| hotcell_sandbox::compile(&component));
    match compiled {
        Ok(code) if std::io::stdout().write_all(&code).is_ok() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(refusal) => {
            drop(serde_json::to_writer(std::io::stderr(), &refusal));
            ExitCode::FAILURE
        }
    }
}

/// Bounds this process. What the system does not offer stays unbounded; the parent's clock stands in any case.
#[cfg(unix)]
fn limit() {
    use rustix::process::Resource;
    use rustix::process::Rlimit;
    let both = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    rustix::process::setrlimit(Resource::As, both(limits::COMPILE_MEMORY)).ok();
    // Processor seconds of all threads together: two cores are what it may use up in that time.
    rustix::process::setrlimit(Resource::Cpu, both(limits::COMPILE_TIME.as_secs() * 2)).ok();
    rustix::process::setrlimit(Resource::Core, both(0)).ok();
    rustix::process::setrlimit(Resource::Fsize, both(0)).ok();
}

#[cfg(not(unix))]
fn limit() {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_compiler_that_hangs_crashes_or_refuses_ends_in_a_refusal_of_its_own() {
        let most = Duration::from_millis(300);
        let started = Instant::now();
        let late = in_child(shell("exec sleep 60"), b"x", most).unwrap_err();
        assert!(late.message.contains("took more than"), "{late:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
        let crashed = in_child(shell("kill -9 $$"), &vec![0; 1_000_000], most).unwrap_err();
        assert!(crashed.message.contains("crashed"), "{crashed:?}");
        let refusal = Refusal::new(Code::BadComponent, "a reason", "a repair");
        let json = serde_json::to_string(&refusal).unwrap();
        let refused = in_child(shell(&format!("printf '%s' '{json}' >&2; exit 1")), b"", most).unwrap_err();
        assert_eq!(refused, refusal);
    }

    #[test]
    fn what_the_child_prints_comes_back_whole_and_its_environment_is_empty() {
        let bytes = vec![7; 3_000_000];
        assert_eq!(in_child(shell("cat"), &bytes, Duration::from_secs(20)).unwrap(), bytes);
        let environment = in_child(shell("env | grep -v '^PWD=\\|^_=\\|^SHLVL=' | cat"), b"", Duration::from_secs(20));
        assert_eq!(String::from_utf8(environment.unwrap()).unwrap(), "");
    }
}
