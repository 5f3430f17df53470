//! Every limit of the product: one constant each, with its reason. All are on by default.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

// ---- the component file ----

/// Bytes of a component. A Python component (componentize-py 0.25) has 18 MB; three times that is room enough.
pub const COMPONENT_BYTES: usize = 64 * MIB;
/// Bytes of a component's compiled code. That of an 18 MB Python component has about 60 MB.
pub const CODE_BYTES: usize = 512 * MIB;
/// Wall time of compiling one component. A JavaScript component (12 MB) takes 10 s on two cores.
pub const COMPILE_TIME: Duration = Duration::from_secs(120);
/// Bytes of address space of the process that compiles.
pub const COMPILE_MEMORY: u64 = 6 * 1024 * 1024 * 1024;
/// Imported interfaces of a component. WASI 0.2 has about 30; 10,000 imports are an attack on the linker.
pub const IMPORTS: usize = 200;
/// Actions of one tool. Agents cannot work with more, and each costs a schema.
pub const ACTIONS: usize = 256;
/// Bytes of a manifest.
pub const MANIFEST_BYTES: usize = 64 * KIB;
/// Bytes of the file of all grants. That of 1,000 tools has about 500 KB.
pub const GRANTS_BYTES: usize = 16 * MIB;
/// Nesting of a parameter's or result's type: deeper ones cost stack when JSON is read.
pub const TYPE_DEPTH: usize = 32;
/// Parts of all types of a component, written out. Types share parts: 32 nested pairs are 2^32 parts.
pub const TYPE_NODES: usize = 20_000;

// ---- the guest's machine ----

/// Bytes of linear memory of one call, over all its memories. Language runtimes need 10 to 30 MiB.
pub const MEMORY_BYTES: usize = 64 * MIB;
/// Linear memories of one call. A composed tool has one per part.
pub const MEMORIES: usize = 8;
/// Tables of one call.
pub const TABLES: usize = 16;
/// Elements of one table. CPython's function table has about 10,000.
pub const TABLE_ELEMENTS: usize = 20_000;
/// Core instances of one call. A wit-bindgen component makes about 6, componentize-py about 40.
pub const INSTANCES: usize = 64;
/// Bytes of native stack for WebAssembly code (the engine's own default).
pub const STACK_BYTES: usize = 512 * KIB;
/// Bytes that the host may allocate for one crossing of the boundary (wasmtime's host-call fuel). The engine's
/// default is 128 MiB; its lifted values are bigger than the guest's bytes.
pub const HOSTCALL_FUEL: usize = 16 * MIB;
/// WASI resources (streams, pollables, …) that one call may hold (the engine's default is 1,000,000).
pub const RESOURCES: usize = 1_024;
/// Component-model handles that one call may hold (CVE-2026-119134; the engine's default is 100,000).
pub const COMPONENT_HANDLES: usize = 1_024;
/// Bytes of one request for random numbers: seeds are small, gigabytes are an attack.
pub const RANDOM_BYTES: u64 = 64 * 1024;
/// The engine's clock tick: how soon a running guest notices that its time is over.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);
/// Wall time of one call, network included.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Processor time of one call, counted in ticks.
pub const CPU_TIME: Duration = Duration::from_secs(10);

// ---- arguments, results, log ----

/// Bytes of arguments as JSON.
pub const ARGUMENT_BYTES: usize = MIB;
/// Bytes of a result as JSON.
pub const RESULT_BYTES: usize = 4 * MIB;
/// Nesting of arguments and results.
pub const JSON_DEPTH: usize = 64;
/// Values in arguments or a result, counted one by one.
pub const JSON_NODES: usize = 100_000;
/// Log lines of one call.
pub const LOG_LINES: usize = 1_000;
/// Bytes of one log line.
pub const LOG_LINE_BYTES: usize = 4 * KIB;
/// Characters of a progress note.
pub const PROGRESS_NOTE_CHARS: usize = 200;
/// Least time between two progress reports that are passed on.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(100);

// ---- HTTP ----

/// Requests of one call.
pub const REQUESTS: u32 = 64;
/// Requests under way at once of one tool, over all of its calls.
pub const REQUESTS_AT_ONCE_OF_A_TOOL: usize = 8;
/// Requests under way at once to one service, over all tools.
pub const REQUESTS_AT_ONCE_TO_A_SERVICE: usize = 64;
/// Requests of one tool to one service in a minute; as many at once where it was quiet before. Most services allow 1 to 100 a
/// second, for all of a user's programs together.
pub const REQUESTS_A_MINUTE: u32 = 600;
/// The longest pause that a server is given when it asks for one (`Retry-After`).
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Bytes of all responses of one call together.
pub const RECEIVED_BYTES: usize = 64 * MIB;
/// Least time between two refreshes that a service's 401 brings about: a service that says no for ever must not wear out the
/// sign-in (threat J8).
pub const FORCED_REFRESH_EVERY: Duration = Duration::from_secs(60);
/// Bytes of a URL (RFC 9110 §4.1 asks for at least 8,000 octets).
pub const URL_BYTES: usize = 8 * KIB;
/// Header fields of a guest's request.
pub const REQUEST_HEADERS: usize = 64;
/// Bytes of a guest's request headers. Far below usual servers' limits, so that no 431 page dumps the credential (threat B15).
pub const REQUEST_HEADER_BYTES: usize = 8 * KIB;
/// Bytes of a guest's request body.
pub const REQUEST_BODY_BYTES: usize = MIB;
/// Header fields of a response.
pub const RESPONSE_HEADERS: usize = 128;
/// Bytes of a response's headers.
pub const RESPONSE_HEADER_BYTES: usize = 64 * KIB;
/// Bytes of a response's body, after decoding.
pub const RESPONSE_BODY_BYTES: usize = 8 * MIB;
/// Requests under way at once of one call, where an interface lets a program start several. As many as its tool may have.
pub const REQUESTS_AT_ONCE_OF_A_CALL: usize = REQUESTS_AT_ONCE_OF_A_TOOL;
/// Bytes of bodies that the host holds for one call, where an interface has streams: requests that are being written, and answers
/// that are not read yet. Four of the largest answers.
pub const HELD_BYTES: usize = 4 * RESPONSE_BODY_BYTES;
/// Time to connect, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time from the sent request to the response's head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Time between two pieces of a body: a slow-loris server is cut off.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);

// ---- MCP ----

/// Bytes of one MCP message: the arguments' own limit, escaped, and what stands around them.
pub const MCP_MESSAGE_BYTES: usize = 2 * ARGUMENT_BYTES + 64 * KIB;
/// Calls of agents that run or wait at one time. Each holds its arguments; more are refused, and the agent may try again.
pub const MCP_CALLS: usize = 1_024;
/// Messages over stdio that wait for the client to read them, before no more is read.
pub const MCP_UNSENT: usize = 64;
/// Connections over HTTP at one time. One person has a handful of clients.
pub const MCP_CONNECTIONS: usize = 256;
/// Sessions of clients before 2026-07-28 at one time; each costs a task and some KiB.
pub const MCP_SESSIONS: usize = 256;
/// How long such a session is kept without a request. Longer than a person may think.
pub const MCP_SESSION_IDLE: Duration = Duration::from_secs(600);
/// Time for the head of an HTTP request to arrive: a slow-loris client is cut off.
pub const MCP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that running calls have when the server is told to stop.
pub const MCP_STOP: Duration = Duration::from_secs(10);
/// Time that the last answers have to be written when no call runs any more.
pub const MCP_LAST_WORDS: Duration = Duration::from_millis(100);
/// How long a person may think about an approval.
pub const MCP_APPROVAL: Duration = Duration::from_secs(300);
/// Approvals that are remembered as used, for twice the time above. No person gives more.
pub const MCP_APPROVALS: usize = 10_000;
/// How long a page that asks a person to sign in is good.
pub const MCP_SIGN_IN: Duration = Duration::from_secs(600);
/// Such pages at one time. A person has a handful of services; an agent that asks for more gets the text alone.
pub const MCP_SIGN_INS: usize = 16;
/// How long a call that came back waits for the person to end a sign-in, before it asks again. Below the patience of clients.
pub const MCP_SIGN_IN_WAIT: Duration = Duration::from_secs(45);
/// How long the page waits for the authorisation server's description after the click.
pub const MCP_SIGN_IN_START: Duration = Duration::from_secs(30);
/// How long a page shows what became of its sign-in.
pub const MCP_SIGN_IN_RESULT: Duration = Duration::from_secs(120);
/// Connections to the pages at one time, and the longest time of each: that of a device code.
pub const MCP_SIGN_IN_CONNECTIONS: usize = 64;
/// Longer than a device code is good. Only what shows a code lasts so long.
pub const MCP_SIGN_IN_CONNECTION: Duration = Duration::from_secs(31 * 60);
/// Time for a form to arrive.
pub const MCP_SIGN_IN_FORM: Duration = Duration::from_secs(10);
/// Bytes of a user's access token (a JWT). Servers make 1 to 4 KiB; whoever sends more is no user.
pub const MCP_TOKEN_BYTES: usize = 8 * KIB;
/// How far the clocks of the authorisation server and of this machine may be apart, where a token says from when it is good.
pub const MCP_CLOCK_SKEW: Duration = Duration::from_secs(30);
/// How long the authorisation server's keys are used before they are fetched again: a key that was taken out is used no longer.
pub const MCP_KEYS_FRESH: Duration = Duration::from_secs(300);
/// How long they are used at most, while the server cannot be reached.
pub const MCP_KEYS_KEPT: Duration = Duration::from_secs(3_600);
/// How often they are fetched at most, whatever keys strangers name.
pub const MCP_KEYS_EVERY: Duration = Duration::from_secs(5);
/// Time to fetch them in.
pub const MCP_KEYS_TIME: Duration = Duration::from_secs(10);
/// Requests of one user that are being answered: half of the connections, so that one user does not take all.
pub const MCP_REQUESTS_OF_A_USER: usize = MCP_CONNECTIONS / 2;
/// Sessions of one user at one time.
pub const MCP_SESSIONS_OF_A_USER: usize = 32;
/// Pages that ask one user to sign in, at one time.
pub const MCP_SIGN_INS_OF_A_USER: usize = 4;
/// How often the grants are looked at for changes: one `stat` each time.
pub const MCP_CHANGES_EVERY: Duration = Duration::from_millis(500);

// ---- workers ----

/// Bytes of a message's head between broker and worker: small parts cost many times their bytes when they are read.
pub const WIRE_HEAD_BYTES: usize = MIB;
/// Bytes of its tail: the largest is what a guest may hand over at once.
pub const WIRE_BYTES: usize = HOSTCALL_FUEL + 4 * MIB;
/// Bytes that wait to be written to one worker. One that does not read is ended before the broker holds more.
pub const WIRE_UNSENT_BYTES: usize = 256 * MIB;
/// Workers at one time, where more tools are at work than there are cores.
pub const WORKERS: usize = 32;
/// Workers that see one user's data, at one time.
pub const WORKERS_OF_A_USER: usize = WORKERS / 4;
/// Calls of one worker at one time; further ones wait.
pub const WORKER_CALLS: usize = 64;
/// How long a worker stays that has nothing to do: between an agent's calls, not over its night.
pub const WORKER_REST: Duration = Duration::from_secs(600);
/// Time for a worker to start: milliseconds on an idle machine.
pub const WORKER_START: Duration = Duration::from_secs(20);
/// Time for a worker to stop a call that nobody waits for, before it is ended. A guest is stopped within a tick.
pub const WORKER_STOP: Duration = Duration::from_secs(2);
/// Progress reports of one call that a worker may hand on: ten a second for the longest deadline.
pub const PROGRESS_REPORTS: usize = 40_000;
/// Bytes of each of a refusal's two texts, where a worker says them.
pub const REFUSAL_BYTES: usize = 4 * KIB;

/// The limits that one call runs under. [`Default`] is the constants above; an operator may set others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall time. See [`DEADLINE`].
    pub deadline: Duration,
    /// Processor time. See [`CPU_TIME`].
    pub cpu_time: Duration,
    /// Bytes of linear memory. See [`MEMORY_BYTES`].
    pub memory_bytes: usize,
    /// Bytes of a result as JSON. See [`RESULT_BYTES`].
    pub result_bytes: usize,
    /// HTTP requests. See [`REQUESTS`].
    pub requests: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: DEADLINE,
            cpu_time: CPU_TIME,
            memory_bytes: MEMORY_BYTES,
            result_bytes: RESULT_BYTES,
            requests: REQUESTS,
        }
    }
}
