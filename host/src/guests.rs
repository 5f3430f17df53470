//! Where guests run: in workers of their own, or in this process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use hotcell_protocol::CallOutcome;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Description;
use hotcell_protocol::Digest;
use hotcell_protocol::Imports;
use hotcell_protocol::Outside;
use hotcell_protocol::Refusal;
use hotcell_sandbox::Compiled;
use hotcell_sandbox::Sandbox;
use hotcell_sandbox::Tool;
#[cfg(target_os = "linux")]
use hotcell_worker::Pool;
use serde::Deserialize;

use crate::Host;

/// Who shares a process with whom: `sandbox.isolation` in `config.toml`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Each call has a worker process of its own, which ends with it.
    Call,
    /// All guests run in the process that holds the tokens: one wall less. For programs that embed Hotcell, for systems that
    /// have no such walls, and for comparison.
    None,
    /// Each tool has workers of its own.
    #[default]
    Tool,
}

/// The smallest component that can be called: it exports one function, which does nothing.
pub(crate) const NO_TOOL: &[u8] = b"\x00asm\r\x00\x01\x00\x01\x1f\x00asm\x01\x00\x00\x00\x01\x04\x01`\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\n\x04\x01\x02\x00\x0b\x02\x04\x01\x00\x00\x00\x06\x07\x01\x00\x00\x01\x00\x01f\x07\x05\x01@\x00\x01\x00\x08\x06\x01\x00\x00\x00\x00\x00\x0b\x07\x01\x00\x01f\x01\x00\x00";

/// Where guests are to run; made ready at its first use.
pub(crate) struct Room {
    pub(crate) isolation: Isolation,
    /// What becomes a worker when it is started as one.
    pub(crate) program: Option<PathBuf>,
    guests: OnceLock<Guests>,
}

impl Room {
    pub(crate) fn new(isolation: Isolation) -> Self {
        Self { isolation, program: None, guests: OnceLock::new() }
    }

    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] if the machine offers no room for a sandbox.
    pub(crate) fn guests(&self) -> Result<&Guests, Refusal> {
        if let Some(guests) = self.guests.get() {
            return Ok(guests);
        }
        let made = Guests::open(self.isolation, self.program.clone())?;
        Ok(self.guests.get_or_init(|| made))
    }

    /// The process ids of workers.
    pub(crate) fn workers(&self) -> Vec<u32> {
        match self.guests.get() {
            #[cfg(target_os = "linux")]
            Some(Guests::Apart(pool)) => pool.processes(),
            _ => Vec::new(),
        }
    }
}

/// The one place that guests run in.
pub(crate) enum Guests {
    Here(Box<Sandbox>),
    #[cfg(target_os = "linux")]
    Apart(Pool),
}

/// A tool, ready to be called in its place.
pub(crate) enum Loaded {
    Here(Tool),
    #[cfg(target_os = "linux")]
    Apart(Arc<hotcell_worker::Code>),
}

impl Guests {
    /// Workers are this program, which must know the command of theirs; without one, guests run here.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] if the machine offers no room for a sandbox.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "workers need Linux"))]
    fn open(isolation: Isolation, program: Option<PathBuf>) -> Result<Self, Refusal> {
        #[cfg(target_os = "linux")]
        if let (Some(program), Isolation::Call | Isolation::Tool) = (program, isolation) {
            let shared = match isolation {
                Isolation::Call => hotcell_worker::Isolation::Call,
                _ => hotcell_worker::Isolation::Tool,
            };
            let options = hotcell_worker::Options { isolation: shared, ..hotcell_worker::Options::of(program) };
            return Ok(Self::Apart(Pool::new(options)));
        }
        Sandbox::new(&hotcell_sandbox::Options::default()).map(Box::new).map(Self::Here)
    }

    /// Whether a tool can be called, for when it is installed: a worker would say so at the first call only.
    pub(crate) fn check(&self, compiled: &Compiled) -> Result<(), Refusal> {
        match self {
            Self::Here(_) => Ok(()),
            #[cfg(target_os = "linux")]
            Self::Apart(_) => Sandbox::new(&hotcell_sandbox::Options { concurrent_calls: 1 })?.check(compiled),
        }
    }

    /// Starts a process for the tool that is loaded next, where guests have one.
    fn start_ahead(&self) {
        match self {
            Self::Here(_) => {}
            #[cfg(target_os = "linux")]
            Self::Apart(pool) => pool.start_ahead(),
        }
    }

    /// A tool of compiled code.
    pub(crate) fn load(&self, compiled: Compiled) -> Result<Loaded, Refusal> {
        match self {
            Self::Here(sandbox) => sandbox.load_compiled(compiled).map(Loaded::Here),
            #[cfg(target_os = "linux")]
            Self::Apart(pool) => pool.load(compiled).map(Loaded::Apart),
        }
    }

    /// Ends what runs a tool that is no more.
    pub(crate) fn forget(&self, tool: &Loaded) {
        match (self, tool) {
            #[cfg(target_os = "linux")]
            (Self::Apart(pool), Loaded::Apart(code)) => pool.forget(code),
            _ => {}
        }
    }

    /// Calls one action. Whatever the guest does, this returns within the deadline and some ticks. Dropping the future stops
    /// the guest. `whose` are the data that the call may see: a worker sees those of one user alone.
    pub(crate) async fn call(
        &self,
        tool: &Loaded,
        request: CallRequest,
        #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "workers need Linux"))] whose: Option<
            &str,
        >,
        outside: Arc<dyn Outside>,
    ) -> CallOutcome {
        match (self, tool) {
            (Self::Here(sandbox), Loaded::Here(tool)) => sandbox.call(tool, request, outside).await,
            #[cfg(target_os = "linux")]
            (Self::Apart(pool), Loaded::Apart(code)) => pool.call(code, whose, request, outside).await,
            #[cfg(target_os = "linux")]
            _ => {
                let refusal = Refusal::internal("a tool was loaded in another place than it is called in");
                let verdict = hotcell_protocol::Verdict::Refused(refusal);
                CallOutcome { verdict, cost: hotcell_protocol::Cost::default() }
            }
        }
    }
}

/// The wall around guests besides WebAssembly.
pub(crate) struct SecondWall {
    /// What it is made of here.
    pub(crate) standing: Vec<String>,
    /// What this system does not offer. All of it, where guests run in this process.
    pub(crate) missing: Vec<String>,
}

impl Guests {
    /// Which walls stand around guests: a worker is started and asked. `nothing` is a component without a function.
    pub(crate) async fn second_wall(&self, nothing: &Loaded) -> Result<SecondWall, Refusal> {
        match (self, nothing) {
            #[cfg(target_os = "linux")]
            (Self::Apart(pool), Loaded::Apart(code)) => {
                let walls = pool.walls(code).await?;
                let standing = walls.standing().map(|wall| wall.to_string()).collect();
                let missing = walls.missing().map(|wall| wall.to_string()).collect();
                Ok(SecondWall { standing, missing })
            }
            _ => Ok(SecondWall { standing: Vec::new(), missing: vec!["a process of their own".to_owned()] }),
        }
    }
}

impl Loaded {
    /// What the tool is.
    pub(crate) fn description(&self) -> &Description {
        match self {
            Self::Here(tool) => tool.description(),
            #[cfg(target_os = "linux")]
            Self::Apart(code) => code.description(),
        }
    }
}

impl Host {
    /// Runs guests in processes of their own: `program` becomes one when it is started with `hotcell::worker::COMMAND`, as
    /// `hotcell` does. Unless this is called, and on systems other than Linux, they run in this process.
    #[must_use]
    pub fn with_workers(mut self, program: PathBuf) -> Self {
        self.room.program = Some(program);
        self
    }

    /// Who shares a process with whom, whatever the configuration says.
    #[must_use]
    pub fn with_isolation(mut self, isolation: Isolation) -> Self {
        self.room.isolation = isolation;
        self
    }

    /// Says that one tool is about to be called, so that a process for it starts while it is looked for and read. For a program
    /// that makes one call and ends.
    pub(crate) fn start_ahead(&self) {
        // Where there is no room for guests, the call will say so.
        if let Ok(guests) = self.room.guests() {
            guests.start_ahead();
        }
    }

    /// The process ids of the workers that live now: none where guests run in this process.
    #[must_use]
    pub fn workers(&self) -> Vec<u32> {
        self.room.workers()
    }

    /// Which walls stand around guests besides WebAssembly. Starts a worker to see.
    pub(crate) async fn second_wall(&self) -> Result<SecondWall, Refusal> {
        let nothing = self.load(NO_TOOL, Digest::of(NO_TOOL), &Imports::NONE)?;
        self.room.guests()?.second_wall(&nothing).await
    }
}
