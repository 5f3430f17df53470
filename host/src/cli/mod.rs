//! The command line: from words to calls of the library, from results to output and an exit code.

pub mod args;
mod arguments;
mod ask;
mod audit;
mod auth;
mod author;
mod call;
mod chain;
mod check;
mod doctor;
mod explain;
mod install;
mod keys;
mod kit;
mod mcp;
pub(crate) mod output;
mod package;
mod progress;
mod serve;
mod show;

use std::process::ExitCode;

use clap::CommandFactory as _;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

use crate::Host;
use crate::Isolation;
use crate::Keys;
use crate::Places;
use crate::compiler::Compiler;
use args::Auth;
use args::Cli;
use args::Command;
use args::Mcp;
use keys::Asked;
use keys::Unasked;

pub(crate) use install::install;

/// Exit codes, as `hotcell --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    ToolError = 1,
    Expired = 2,
    Refused = 3,
    SignIn = 4,
    Stopped = 5,
    BadInput = 6,
    Store = 7,
    Upstream = 8,
    Broken = 70,
}

impl Exit {
    /// The exit code of a refusal.
    pub(crate) fn of(code: Code) -> Self {
        match code {
            Code::NeedsLogin | Code::InsufficientScope => Self::SignIn,
            Code::DeadlineExceeded
            | Code::GuestTrapped
            | Code::MemoryExceeded
            | Code::RequestTooLarge
            | Code::ResponseTooLarge
            | Code::ResultTooLarge
            | Code::TooManyRequests
            | Code::WorkerLost => Self::Stopped,
            Code::BadArguments
            | Code::BadComponent
            | Code::BadConfig
            | Code::BadRequest
            | Code::BuildFailed
            | Code::UnknownAction
            | Code::UnknownTool => Self::BadInput,
            Code::StoreUnavailable => Self::Store,
            Code::RefreshFailed | Code::UpstreamTimedOut | Code::UpstreamUnreachable => Self::Upstream,
            Code::Internal => Self::Broken,
            _ => Self::Refused,
        }
    }
}

/// Runs one command line to its end, and prints what there is to say.
pub async fn run(cli: Cli) -> ExitCode {
    let exit = match dispatch(cli.command).await {
        Ok(exit) => exit,
        Err(refusal) => {
            output::refusal(&refusal);
            Exit::of(refusal.code)
        }
    };
    ExitCode::from(exit as u8)
}

async fn dispatch(command: Command) -> Result<Exit, Refusal> {
    let done = |()| Exit::Done;
    match command {
        Command::New(args) => author::new(&args).map(done),
        Command::Build(args) => author::build(&args).map(done),
        Command::Check(args) => check::check(&args),
        Command::Demo(args) => crate::demo::run(&args).await,
        Command::Install(args) => install(&host()?, &args).map(done),
        Command::List(args) => show::list(&host()?, &args).map(done),
        Command::Inspect(args) if args.chain => chain::chain(&host()?, &args),
        Command::Inspect(args) => show::inspect(&host()?, &args).map(done),
        Command::Call(args) => {
            let host = within(host()?, args.in_process);
            let ended = call::call(&host, &args).await;
            host.finish().await;
            ended
        }
        Command::Test(args) => Box::pin(kit::test(&args)).await,
        Command::Record(args) => {
            let host = host()?;
            let ended = Box::pin(kit::record(&host, &args)).await;
            host.finish().await;
            ended
        }
        Command::Dev(args) => {
            let host = args.action.is_some().then(host).transpose()?;
            let ended = Box::pin(kit::dev(host.as_ref(), &args)).await;
            if let Some(host) = host {
                host.finish().await;
            }
            ended
        }
        Command::Remove(args) => install::remove(&host()?, &args).map(done),
        Command::Serve(args) => {
            // The servers' state is large, and no other command has use for the room.
            let host = within(host_with(Box::new(Unasked))?, args.in_process);
            Box::pin(serve::serve(host, &args)).await.map(done)
        }
        Command::Mcp(Mcp::Add(args)) => mcp::add(&args).map(done),
        Command::Audit(args) => audit::audit(&host()?, &args).await.map(done),
        Command::Explain(args) => explain::explain(&host()?, &args),
        Command::Grant(args) => explain::grant(&host()?, &args).map(done),
        Command::Revoke(args) => explain::revoke(&host()?, &args).map(done),
        Command::Resume(args) => explain::resume(&host()?, &args).map(done),
        Command::Auth(command) => on_tokens(command).await,
        Command::Doctor(args) => doctor::doctor(&args, host).await,
        Command::Completions(args) => {
            // Into memory first: the library panics where its reader stops reading.
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "hotcell", &mut script);
            output::line(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Done)
        }
    }
}

async fn on_tokens(command: Auth) -> Result<Exit, Refusal> {
    let done = |()| Exit::Done;
    let host = host()?;
    let ended = match command {
        Auth::Signin(args) => auth::signin(&host, &args).await.map(done),
        Auth::Set(args) => auth::set(&host, &args).map(done),
        Auth::Status(args) => auth::status(&host, &args).await,
        Auth::Refresh(args) => auth::refresh(&host, &args).await.map(done),
        Auth::Default(args) => auth::default(&host, &args).map(done),
        Auth::Logout(args) => auth::logout(&host, &args).await.map(done),
        Auth::Services(args) => auth::services(&host, &args).map(done),
    };
    host.finish().await;
    ended
}

fn host() -> Result<Host, Refusal> {
    host_with(Box::new(Asked))
}

fn host_with(keys: Box<dyn Keys>) -> Result<Host, Refusal> {
    Ok(with_own_program(Host::open(&Places::of_user()?, keys)?))
}

fn within(host: Host, in_process: bool) -> Host {
    if in_process { host.with_isolation(Isolation::None) } else { host }
}

/// This program, started again, compiles components and runs guests.
pub(crate) fn with_own_program(host: Host) -> Host {
    match own_program() {
        Ok(program) => host.with_compiler(Compiler::Child(program.clone())).with_workers(program),
        Err(_) => host,
    }
}

/// On Linux by the name that stays good when the file was replaced: it is the program that runs, in its own version.
fn own_program() -> std::io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
