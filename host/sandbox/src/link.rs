//! What a tool's imports are met with. Interface by interface, so that nothing is linked that nobody wrote down; what not every
//! tool may import, is linked to the tools alone that do.
//!
//! That a component imports no more than this is checked before it is compiled (`describe`); what WASI would reach,
//! every call's context leaves empty (`state`).

use std::borrow::Cow;

use wasmtime::Engine;
use wasmtime::Result;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::WasiCli;
use wasmtime_wasi::cli::WasiCliView;
use wasmtime_wasi::filesystem::WasiFilesystem;
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::bindings::cli;
use wasmtime_wasi::p2::bindings::filesystem;
use wasmtime_wasi::p2::bindings::random;
use wasmtime_wasi::p2::bindings::sockets;
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::random::WasiRandomView;
use wasmtime_wasi::sockets::WasiSockets;
use wasmtime_wasi::sockets::WasiSocketsView;

use crate::bindings;
use crate::near_agent;
use crate::state::State;
use crate::wasi_http;

/// `hotcell:tool`, and of WASI 0.2 what language runtimes link. No sockets (threat A3), no `wasi:http` (threat A2).
pub(crate) fn for_every_tool(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    bindings::Imports::add_to_linker::<State, State>(l, |state| state)?;
    // io, clocks, random/random, cli/{stdin, stdout, stderr}: what WASI's own `proxy` world has, and no more.
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(l)?;
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    random::insecure::add_to_linker::<State, WasiRandom>(l, State::random)?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, State::random)?;
    Ok(linker)
}

/// The same with what a tool of these imports has been let import besides. That it may was checked before (`describe`).
pub(crate) fn for_tool<'a>(every: &'a Linker<State>, imports: &[String]) -> Result<Cow<'a, Linker<State>>> {
    let has = |package: &str| imports.iter().any(|import| import.starts_with(package));
    let mut linker = Cow::Borrowed(every);
    if has("wasi:sockets/") {
        dead_sockets(linker.to_mut())?;
    }
    if has("wasi:http/") {
        wasi_http::link(linker.to_mut())?;
    }
    if has("near:agent/") {
        near_agent::link(linker.to_mut())?;
    }
    Ok(linker)
}

/// `wasi:sockets`, for language runtimes that import it whether a tool uses it or not. The context allows neither TCP nor UDP nor
/// name lookup, so a guest can never hold a socket.
fn dead_sockets(l: &mut Linker<State>) -> Result<()> {
    let options = sockets::network::LinkOptions::default();
    sockets::instance_network::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::network::add_to_linker::<State, WasiSockets>(l, &options, State::sockets)?;
    sockets::tcp::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::udp::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::udp_create_socket::add_to_linker::<State, WasiSockets>(l, State::sockets)
}
