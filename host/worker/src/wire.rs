//! What broker and worker say to each other. A message is two lengths (four bytes each, little-endian), a head (postcard), and a
//! tail: bodies, arguments and results as they are, so that they are not copied into another form.
//!
//! Both sides bound what they read. The broker takes a worker for hostile: see [`crate::table`].

use std::io;
use std::io::Read as _;
use std::os::unix::net::UnixStream;

use hotcell_protocol::Cost;
use hotcell_protocol::GuestError;
use hotcell_protocol::Header;
use hotcell_protocol::Limits;
use hotcell_protocol::LogLine;
use hotcell_protocol::Method;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::walls::Walls;

/// Another layout of messages gets another number. Broker and worker are the same program; a program that was replaced on the
/// disk while it ran is not.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " wire 2");
/// Bytes of the two lengths.
const LENGTHS: usize = 8;
/// Bytes that are read at once. Memory grows with what has come, not with what was announced.
const PIECE: usize = 256 * 1024;
/// The same where a message begins: most are small, and room is made for all of it beforehand.
const SMALL: usize = 8 * 1024;

/// From the broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// First of all. Tail: the tool's description as JSON.
    Start { version: String },
    /// Tail: the arguments as JSON.
    Call { call: u64, action: String, limits: Limits, origins: Vec<(String, String)> },
    /// To a request of this call. Tail: the body.
    Answer { call: u64, ask: u64, answer: Result<Head, GuestError> },
    /// Nobody waits for this call any more.
    Stop { call: u64 },
}

/// An answer without its body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<Header>,
}

/// From the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// First of all: which walls stand, and why the tool cannot run, if it cannot.
    Ready { version: String, walls: Walls, refused: Option<Refusal> },
    /// The guest asks for a request, its `ask`-th. Tail: the body, if there is one.
    Send { call: u64, ask: u64, method: Method, url: String, headers: Vec<Header>, body: bool },
    /// The guest waits for this request no more.
    GiveUp { call: u64, ask: u64 },
    /// A line of the guest's log.
    Log { call: u64, line: LogLine },
    /// How far the guest has come.
    Progress { call: u64, progress: Progress },
    /// The call is over. Tail: what it returned, as JSON.
    Ended { call: u64, end: End, cost: Cost },
}

/// How a call ended, without its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum End {
    Returned,
    Failed,
    Refused(Refusal),
}

/// A message as it is sent.
pub(crate) struct Frame {
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
}

impl Frame {
    /// `None` for what is over the limit.
    pub(crate) fn of(head: &impl Serialize, tail: Vec<u8>) -> Option<Self> {
        let mut bytes = postcard::to_extend(head, vec![0; LENGTHS]).ok()?;
        let lengths = [bytes.len() - LENGTHS, tail.len()];
        if bytes.len() - LENGTHS > limits::WIRE_HEAD_BYTES || tail.len() > limits::WIRE_BYTES {
            return None;
        }
        for (place, length) in bytes.chunks_exact_mut(4).zip(lengths) {
            place.copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        }
        Some(Self { head: bytes, tail })
    }
}

/// The two lengths, if they are within their limits.
fn lengths(prefix: &[u8]) -> io::Result<(usize, usize)> {
    let number = |at: usize, most: usize| {
        let four = <[u8; 4]>::try_from(prefix.get(at..at + 4)?).ok()?;
        usize::try_from(u32::from_le_bytes(four)).ok().filter(|length| *length <= most)
    };
    match (number(0, limits::WIRE_HEAD_BYTES), number(4, limits::WIRE_BYTES)) {
        (Some(head), Some(tail)) => Ok((head, tail)),
        _ => Err(broken("a message is over its limit")),
    }
}

fn head_of<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((head, [])) => Ok(head),
        _ => Err(broken("a message cannot be read")),
    }
}

pub(crate) fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads one message and waits for it: for the start, before there is anything else to do.
pub(crate) fn read_one<T: DeserializeOwned>(from: &mut impl io::Read) -> io::Result<(T, Vec<u8>)> {
    let mut prefix = [0; LENGTHS];
    from.read_exact(&mut prefix)?;
    let (head, tail) = lengths(&prefix)?;
    let (mut head, mut tail) = (vec![0; head], vec![0; tail]);
    from.read_exact(&mut head)?;
    from.read_exact(&mut tail)?;
    Ok((head_of(&head)?, tail))
}

/// Reads messages as they come.
pub(crate) struct Reader {
    stream: AsyncFd<UnixStream>,
    /// What has come and was not taken yet: from `at` on.
    buffer: Vec<u8>,
    at: usize,
}

impl Reader {
    /// For a socket that does not block.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        Ok(Self { stream: watched(stream, Interest::READABLE)?, buffer: Vec::new(), at: 0 })
    }

    /// The next message; `None` where the other side is gone.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<(T, Vec<u8>)>> {
        if !self.hold(LENGTHS).await? {
            return Ok(None);
        }
        let (head, tail) = lengths(self.take(LENGTHS))?;
        if !self.hold(head).await? {
            return Ok(None);
        }
        let head = head_of(self.take(head))?;
        let Some(tail) = self.rest(tail).await? else { return Ok(None) };
        Ok(Some((head, tail)))
    }

    /// Reads until so many bytes are there; whether they are.
    async fn hold(&mut self, bytes: usize) -> io::Result<bool> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
        }
        while self.buffer.len() - self.at < bytes {
            if self.at > PIECE {
                self.buffer.drain(..self.at);
                self.at = 0;
            }
            let buffer = &mut self.buffer;
            if more(&self.stream, buffer, SMALL).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take(&mut self, bytes: usize) -> &[u8] {
        let start = self.at;
        self.at += bytes;
        self.buffer.get(start..self.at).unwrap_or_default()
    }

    /// A tail: what is in the buffer of it, and the rest straight from the socket.
    async fn rest(&mut self, bytes: usize) -> io::Result<Option<Vec<u8>>> {
        let here = bytes.min(self.buffer.len() - self.at);
        let mut tail = self.take(here).to_vec();
        while tail.len() < bytes {
            let most = bytes - tail.len();
            if more(&self.stream, &mut tail, most.min(PIECE)).await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(tail))
    }
}

/// A socket that the runtime looks at for one kind of news alone. Its own type would look for both, and would be told that there
/// is room each time that the other side reads.
pub(crate) fn watched(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // Safety: the socket is the caller's no more, and stays open, under the same number, for as long as it is watched.
    #[expect(unsafe_code, reason = "the type that is watched keeps its descriptor")]
    let watched = unsafe { AsyncFd::register_with_interest(stream, interest) };
    watched.map_err(io::Error::from)
}

/// Reads some bytes, at most so many.
async fn more(stream: &AsyncFd<UnixStream>, into: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    // Who never stops talking must not keep the thread from everything else, its own end included.
    tokio::task::consume_budget().await;
    let before = into.len();
    into.resize(before + most, 0);
    let read = loop {
        // First without asking whether there is something: there is, as a rule, when somebody waits for it.
        let room = into.get_mut(before..).unwrap_or_default();
        match stream.get_ref().read(room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => break read,
        }
        match stream.readable().await {
            // Cleared before the next look: what comes after it is told again.
            Ok(mut ready) => ready.clear_ready(),
            Err(error) => break Err(error),
        }
    };
    into.truncate(before + *read.as_ref().unwrap_or(&0));
    read
}
