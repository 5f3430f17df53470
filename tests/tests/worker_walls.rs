//! The walls around a worker, attacked from inside: a process behind them tries what a guest would that broke out of wasmtime.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic, and prepare files"
)]

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::process::Stdio;

use hotcell::worker::walls::filter::ALLOWED;
use hotcell::worker::walls::filter::Only;
use hotcell_tests::Cell;
use hotcell_tests::programs;

/// How a try ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Succeeded,
    Refused,
    /// By the filter of system calls.
    Forbidden,
    Killed(i32),
}

fn tries(walls: &str, what: &str, argument: &str) -> Ended {
    let mut command = Command::new(programs::hotcell().with_file_name("escaped"));
    command.args([walls, what, argument]).env_clear();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    match (status.code(), status.signal()) {
        (Some(0), _) => Ended::Succeeded,
        (Some(_), _) => Ended::Refused,
        (_, Some(libc::SIGSYS)) => Ended::Forbidden,
        (_, signal) => Ended::Killed(signal.unwrap_or_default()),
    }
}

#[test]
fn h1_an_escaped_guest_finds_no_file_network_process_or_way_out() {
    let cell = Cell::new("up_");
    let secret = cell.path().join("secret");
    std::fs::write(&secret, cell.canary().token()).unwrap();
    let secret = secret.display().to_string();
    let new = cell.path().join("new").display().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let broker = std::process::id().to_string();
    assert_eq!(tries("all", "nothing", ""), Ended::Succeeded);
    for (what, argument) in [
        ("open", secret.as_str()),
        ("open", "/etc/passwd"),
        ("open", "/proc/self/environ"),
        ("open", &format!("/proc/{broker}/environ")),
        ("open", &format!("/proc/{broker}/mem")),
        ("open", "/dev/null"),
        ("write", &new),
        ("connect", &port),
        ("unix", "hotcell-test"),
        ("execute", "/bin/true"),
        ("fork", ""),
        ("signal", &broker),
        ("trace", &broker),
        ("peek", &broker),
        ("executable-memory", ""),
        ("made-executable", ""),
        ("shared-memory", ""),
        ("namespace", ""),
        ("privileges", ""),
    ] {
        assert_eq!(tries("all", what, argument), Ended::Forbidden, "{what} {argument}");
    }
    assert_eq!(tries("all", "environment", ""), Ended::Refused);
    // What is executable cannot be made longer either, over the next bytes of the same file. Allocators do without.
    assert_eq!(tries("all", "grow", ""), Ended::Refused);
    assert!(listener.set_nonblocking(true).is_ok() && listener.accept().is_err(), "somebody connected");
    assert!(!std::path::Path::new(&new).exists());
    std::fs::remove_file(secret).unwrap();
}

/// Where there is no filter, or a hole in it, the other walls hold for themselves.
#[test]
fn h1_without_the_filter_files_network_and_other_processes_are_out_of_reach_all_the_same() {
    let cell = Cell::new("up_");
    let secret = cell.path().join("secret");
    std::fs::write(&secret, cell.canary().token()).unwrap();
    let secret = secret.display().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let name = format!("hotcell-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _abstract = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    let broker = std::process::id().to_string();
    for (what, argument) in [
        ("open", secret.as_str()),
        ("open", "/etc/passwd"),
        ("open", &format!("/proc/{broker}/environ")),
        ("write", "/tmp/hotcell-test-escaped"),
        ("connect", &port),
        ("unix", &name),
        ("execute", "/bin/true"),
        ("signal", &broker),
        ("trace", &broker),
        ("peek", &broker),
    ] {
        assert_eq!(tries("no-filter", what, argument), Ended::Refused, "{what} {argument}");
    }
    assert_eq!(tries("no-filter", "memory", ""), Ended::Succeeded);
    std::fs::remove_file(secret).unwrap();
}

#[test]
fn each_rule_of_the_filter_lets_its_call_through_and_every_other_call_ends_the_process() {
    assert!(ALLOWED.len() <= 35, "{} system calls", ALLOWED.len());
    // `rt_sigreturn` without a signal's frame crashes in ways of its own; that traps of guests come back from their signal is
    // what the corpus shows.
    for allowed in ALLOWED.iter().filter(|allowed| allowed.name != "rt_sigreturn" && allowed.name != "rt_sigaction") {
        let ended = tries("all", "call", &allowed.number.to_string());
        assert_ne!(ended, Ended::Forbidden, "{}", allowed.name);
    }
    let conditional: Vec<_> =
        ALLOWED.iter().filter(|rule| matches!(rule.only, Only::NotExecutable | Only::OwnMemory)).collect();
    assert_eq!(conditional.iter().map(|rule| rule.name).collect::<Vec<_>>(), ["mmap", "mprotect"]);
    for (signal, ended) in
        [(libc::SIGSEGV, Ended::Succeeded), (libc::SIGBUS, Ended::Succeeded), (libc::SIGSYS, Ended::Forbidden)]
    {
        assert_eq!(tries("all", "handle", &signal.to_string()), ended, "signal {signal}");
    }
    assert_eq!(tries("all", "memory", ""), Ended::Succeeded);
    assert_eq!(tries("all", "protect", ""), Ended::Succeeded);
    assert_eq!(tries("all", "executable-memory", ""), Ended::Forbidden);
    assert_eq!(tries("all", "made-executable", ""), Ended::Forbidden);
    // All numbers of this kernel and some to come. Linux takes those of its probes (335 and 336 on x86-64) past every filter:
    // outside of a probe they do nothing, or end the process.
    let probes: &[libc::c_long] = if cfg!(target_arch = "x86_64") { &[335, 336] } else { &[] };
    for number in (0..512).filter(|number| !probes.contains(number)) {
        if !ALLOWED.iter().any(|allowed| allowed.number == number) {
            assert_eq!(tries("all", "call", &number.to_string()), Ended::Forbidden, "system call {number}");
        }
    }
}
