//! What is still to be written to the other side. A message goes out at once where the socket takes it; what it does not take
//! waits here, whole, whatever becomes of the call that it belongs to.

use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use hotcell_protocol::limits;
use serde::Serialize;
use tokio::io::Interest;
use tokio::sync::Notify;

use crate::wire::Frame;
use crate::wire::broken;
use crate::wire::watched;

/// Pieces that are written at once.
const PIECES: usize = 16;

pub(crate) struct Outbox {
    /// Not known to the runtime: each time that the other side reads, it would be told that there is room again, for nothing.
    stream: UnixStream,
    /// The same socket once more, for when there is no room.
    when_full: Mutex<Option<UnixStream>>,
    queue: Mutex<Queue>,
    left: Notify,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that are sent.
    sent: usize,
    /// Bytes that wait.
    bytes: usize,
    over: bool,
}

impl Outbox {
    /// For a socket that does not block.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn new(stream: &UnixStream) -> io::Result<Self> {
        let (stream, when_full) = (stream.try_clone()?, Mutex::new(Some(stream.try_clone()?)));
        Ok(Self { stream, when_full, queue: Mutex::default(), left: Notify::new() })
    }

    /// Sends a message, now or later; `false` for one that is over its limit.
    pub(crate) fn tell(&self, head: &impl Serialize, tail: Vec<u8>) -> bool {
        Frame::of(head, tail).map(|frame| self.push(frame)).is_some()
    }

    /// Sends a message, now or later. Where the other side is gone, or does not read, it is lost: whoever attends to the
    /// connection learns that by itself.
    fn push(&self, frame: Frame) {
        let mut queue = self.lock();
        if queue.over {
            return;
        }
        let idle = queue.pieces.is_empty();
        queue.bytes += frame.head.len() + frame.tail.len();
        queue.pieces.push_back(frame.head);
        if !frame.tail.is_empty() {
            queue.pieces.push_back(frame.tail);
        }
        // A worker that does not read must not make the broker hold what it was sent.
        queue.over = queue.bytes > limits::WIRE_UNSENT_BYTES || (idle && self.send(&mut queue).is_err());
        if queue.over || !queue.pieces.is_empty() {
            self.left.notify_one();
        }
    }

    /// Sends what is left, for as long as the connection is good; then says why it is not.
    pub(crate) async fn run(&self) -> io::Error {
        loop {
            self.left.notified().await;
            // Held until there is room again.
            let full = self.when_full.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(stream) = full else { return broken("it has no socket") };
            let room = match watched(stream, Interest::WRITABLE) {
                Ok(room) => room,
                Err(error) => return error,
            };
            loop {
                tokio::select! {
                    ready = room.writable() => match ready {
                        Ok(mut ready) => ready.clear_ready(),
                        Err(error) => return error,
                    },
                    // There is more now: perhaps too much.
                    () = self.left.notified() => {}
                }
                let mut queue = self.lock();
                if queue.over {
                    return broken("it does not read");
                }
                if let Err(error) = self.send(&mut queue) {
                    queue.over = true;
                    return error;
                }
                if queue.pieces.is_empty() {
                    break;
                }
            }
            *self.when_full.lock().unwrap_or_else(PoisonError::into_inner) = Some(room.into_inner());
        }
    }

    /// Writes as much as the socket takes.
    fn send(&self, queue: &mut Queue) -> io::Result<()> {
        while !queue.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            for (place, (slice, piece)) in slices.iter_mut().zip(&queue.pieces).enumerate() {
                *slice = IoSlice::new(if place == 0 { piece.get(queue.sent..).unwrap_or_default() } else { piece });
            }
            let used = slices.get(..queue.pieces.len().min(PIECES)).unwrap_or_default();
            match (&self.stream).write_vectored(used) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => queue.drop_sent(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn drop_sent(&mut self, written: usize) {
        self.bytes -= written;
        self.sent += written;
        while let Some(first) = self.pieces.front() {
            if self.sent < first.len() {
                return;
            }
            self.sent -= first.len();
            self.pieces.pop_front();
        }
    }
}
