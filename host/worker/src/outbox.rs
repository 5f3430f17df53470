//! What is still to be written to the other side. A message goes out at once where the socket takes it; what it does not take
//! waits here, whole, whatever becomes of the call that it belongs to.

use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use hotcell_protocol::limits;
use tokio::net::UnixStream;
use tokio::sync::Notify;

use crate::wire::Frame;
use crate::wire::broken;

/// Pieces that are written at once.
const PIECES: usize = 16;

pub(crate) struct Outbox {
    stream: Arc<UnixStream>,
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
    pub(crate) fn new(stream: Arc<UnixStream>) -> Self {
        Self { stream, queue: Mutex::default(), left: Notify::new() }
    }

    /// Sends a message, now or later. Where the other side is gone, or does not read, it is lost: whoever attends to the
    /// connection learns that by itself.
    pub(crate) fn push(&self, frame: Frame) {
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
            loop {
                if let Err(error) = self.stream.writable().await {
                    return error;
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
            match self.stream.try_write_vectored(used) {
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
