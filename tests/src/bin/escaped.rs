//! Stands in for a guest that has broken out of WebAssembly: a process behind a worker's walls that tries what it wants. Each try
//! is one run, because most of them end it.
//!
//! `escaped WALLS TRY [ARGUMENT]`: walls are `all`, or `no-filter` (without the filter of system calls, to see what the others
//! hold). Exit code 0: the try succeeded. 42: it was refused. A signal: the process was ended over it.

#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "workers need Linux"))]
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    reason = "what it tries is what a program could do"
)]

#[cfg(target_os = "linux")]
fn main() {
    use hotcell::worker::walls;
    let args: Vec<String> = std::env::args().collect();
    walls::before_threads();
    walls::close_standard_streams().unwrap();
    assert!(walls::no_files().len() == 2);
    if args[1] == "all" {
        walls::few_system_calls().unwrap();
    }
    let argument = args.get(3).map_or("", String::as_str);
    // Without what the runtime does at its end, which a worker does not do either.
    let code = if tries::succeeds(&args[2], argument) { 0 } else { 42 };
    unsafe { libc::syscall(libc::SYS_exit_group, code) };
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod tries {
    use std::ffi::CString;

    pub(super) fn succeeds(what: &str, argument: &str) -> bool {
        let number = || argument.parse::<i64>().unwrap();
        let text = CString::new(argument).unwrap();
        // Safety: as safe as what an escaped guest would do.
        unsafe {
            match what {
                "nothing" => true,
                // A system call by its number, with arguments that mean nothing: only whether it may be made is of interest.
                "call" => {
                    libc::syscall(number(), -1_i64, 0_i64, 0_i64, 0_i64, 0_i64, 0_i64);
                    true
                }
                "open" => libc::syscall(libc::SYS_openat, libc::AT_FDCWD, text.as_ptr(), libc::O_RDONLY) >= 0,
                "write" => {
                    let flags = libc::O_WRONLY | libc::O_CREAT;
                    libc::syscall(libc::SYS_openat, libc::AT_FDCWD, text.as_ptr(), flags, 0o600) >= 0
                }
                "connect" => connects(number()),
                "unix" => libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0) >= 0 && connect_unix(argument),
                "execute" => {
                    let arguments = [text.as_ptr(), std::ptr::null()];
                    libc::execv(text.as_ptr(), arguments.as_ptr()) >= 0
                }
                "fork" => libc::fork() >= 0,
                "signal" => libc::kill(i32::try_from(number()).unwrap(), libc::SIGTERM) == 0,
                "trace" => libc::ptrace(libc::PTRACE_ATTACH, number(), 0, 0) == 0,
                "peek" => {
                    let (mut byte, far) = (0_u8, 0x40_0000_usize);
                    let to = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
                    let from = libc::iovec { iov_base: far as *mut libc::c_void, iov_len: 1 };
                    libc::process_vm_readv(i32::try_from(number()).unwrap(), &raw const to, 1, &raw const from, 1, 0)
                        >= 0
                }
                "executable-memory" => mapped(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC),
                "made-executable" => {
                    let page = page(libc::PROT_READ | libc::PROT_WRITE);
                    libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC) == 0
                }
                "grow" => {
                    let page = page(libc::PROT_READ | libc::PROT_WRITE);
                    libc::mremap(page, 4096, 8192, libc::MREMAP_MAYMOVE) != libc::MAP_FAILED
                }
                "shared-memory" => {
                    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
                    let protection = libc::PROT_READ | libc::PROT_WRITE;
                    libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) != libc::MAP_FAILED
                }
                "memory" => mapped(libc::PROT_READ | libc::PROT_WRITE),
                "protect" => libc::mprotect(page(libc::PROT_READ), 4096, libc::PROT_READ | libc::PROT_WRITE) == 0,
                "handle" => libc::signal(i32::try_from(number()).unwrap(), libc::SIG_DFL) != libc::SIG_ERR,
                "environment" => std::env::vars_os().next().is_some(),
                "privileges" => libc::syscall(libc::SYS_setuid, 0) == 0,
                "namespace" => libc::unshare(libc::CLONE_NEWUSER) == 0,
                other => unimplemented!("{other}"),
            }
        }
    }

    fn page(protection: i32) -> *mut libc::c_void {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // Safety: a new page.
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) }
    }

    fn mapped(protection: i32) -> bool {
        page(protection) != libc::MAP_FAILED
    }

    fn connects(port: i64) -> bool {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_secs(2)).is_ok()
    }

    /// An abstract name, which no file system guards.
    fn connect_unix(name: &str) -> bool {
        use std::os::linux::net::SocketAddrExt as _;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        std::os::unix::net::UnixStream::connect_addr(&address).is_ok()
    }
}
