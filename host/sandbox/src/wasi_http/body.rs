//! `outgoing-body`: a request's body, gathered until it is whole. Bounded before it grows, and held against its
//! `content-length` where the bytes arrive.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use hotcell_protocol::limits;
use tokio::sync::Notify;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::DynOutputStream;
use wasmtime_wasi::p2::OutputStream;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::p2::StreamError;
use wasmtime_wasi::p2::StreamResult;

use super::fields::Fields;
use super::held::Held;
use crate::bindings::wasi_http::types;
use crate::bindings::wasi_http::types::ErrorCode;
use crate::state::State;

/// Bytes that a program may write at once without asking again.
const PERMIT: usize = 64 * 1024;

/// The bytes of a body, shared by the program, which writes, and the request, which waits.
#[derive(Debug)]
pub(crate) struct Gathered {
    content: Mutex<Content>,
    /// It is whole, or will never be.
    ended: Notify,
}

#[derive(Debug)]
struct Content {
    bytes: Vec<u8>,
    held: Option<Held>,
    /// What `content-length` said.
    declared: Option<u64>,
    end: Option<Result<(), ErrorCode>>,
}

/// A whole body, and its place in the count.
pub(crate) struct Whole {
    bytes: Vec<u8>,
    held: Option<Held>,
}

impl Whole {
    pub(crate) fn into_parts(self) -> (Vec<u8>, Option<Held>) {
        (self.bytes, self.held)
    }
}

impl Gathered {
    pub(crate) fn new(declared: Option<u64>, held: Held) -> Self {
        let content = Content { bytes: Vec::new(), held: Some(held), declared, end: None };
        Self { content: Mutex::new(content), ended: Notify::new() }
    }

    /// Adds bytes. An error is the body's end.
    fn add(&self, bytes: &[u8]) -> Result<(), Option<ErrorCode>> {
        let mut content = self.content();
        match &content.end {
            Some(Ok(())) => return Err(None),
            Some(Err(code)) => return Err(Some(code.clone())),
            None => {}
        }
        let total = content.bytes.len().saturating_add(bytes.len());
        let most = content.declared.map_or(usize::MAX, |declared| usize::try_from(declared).unwrap_or(usize::MAX));
        let room = total <= limits::REQUEST_BODY_BYTES.min(most);
        if room && content.held.as_mut().is_some_and(|held| held.grow(bytes.len())) {
            content.bytes.extend_from_slice(bytes);
            return Ok(());
        }
        let code = ErrorCode::HttpRequestBodySize(u64::try_from(total).ok());
        self.end(content, Err(code.clone()));
        Err(Some(code))
    }

    /// The program has written all of it.
    fn finish(&self, trailers: bool) -> Result<(), ErrorCode> {
        let content = self.content();
        let length = u64::try_from(content.bytes.len()).ok();
        let end = match &content.end {
            Some(end) => end.clone(),
            None if trailers => Err(ErrorCode::HttpRequestTrailerSectionSize(Some(0))),
            None if content.declared.is_some() && content.declared != length => {
                Err(ErrorCode::HttpRequestBodySize(length))
            }
            None => Ok(()),
        };
        self.end(content, end.clone());
        end
    }

    /// The program let it go. Half a body is never sent.
    fn abandon(&self) {
        self.end(self.content(), Err(ErrorCode::HttpProtocolError));
    }

    fn end(&self, mut content: MutexGuard<'_, Content>, end: Result<(), ErrorCode>) {
        if content.end.is_none() {
            if end.is_err() {
                (content.bytes, content.held) = (Vec::new(), None);
            }
            content.end = Some(end);
            self.ended.notify_waiters();
        }
    }

    /// Waits for the end. Bytes are handed out once.
    pub(crate) async fn whole(&self) -> Result<Whole, ErrorCode> {
        loop {
            let ended = self.ended.notified();
            {
                let mut content = self.content();
                if let Some(end) = content.end.clone() {
                    let whole = Whole { bytes: std::mem::take(&mut content.bytes), held: content.held.take() };
                    return end.map(|()| whole);
                }
            }
            ended.await;
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The program's half.
#[derive(Debug)]
pub struct Draft {
    body: Arc<Gathered>,
    streamed: bool,
}

impl Draft {
    pub(crate) fn new(body: Arc<Gathered>) -> Self {
        Self { body, streamed: false }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.body.abandon();
    }
}

impl types::HostOutgoingBody for State {
    fn write(&mut self, body: Resource<Draft>) -> Result<Result<Resource<DynOutputStream>, ()>> {
        let draft = self.table.get_mut(&body)?;
        if std::mem::replace(&mut draft.streamed, true) {
            return Ok(Err(()));
        }
        let pen: DynOutputStream = Box::new(Pen(Arc::clone(&draft.body)));
        Ok(Ok(self.table.push_child(pen, &body)?))
    }

    fn finish(&mut self, body: Resource<Draft>, trailers: Option<Resource<Fields>>) -> Result<Result<(), ErrorCode>> {
        let draft = self.table.delete(body)?;
        let trailers = trailers.map(|trailers| self.table.delete(trailers)).transpose()?;
        let has_trailers = trailers.is_some_and(|trailers| !trailers.entries().is_empty());
        let ended = draft.body.finish(has_trailers);
        if ended.is_err() {
            self.explain("a request's body had trailers, or another length than its content-length, or was too long");
        }
        Ok(ended)
    }

    fn drop(&mut self, body: Resource<Draft>) -> Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

/// What the program writes with.
struct Pen(Arc<Gathered>);

impl OutputStream for Pen {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.0.add(&bytes).map_err(|code| match code {
            Some(code) => StreamError::LastOperationFailed(code.into()),
            None => StreamError::Closed,
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match &self.0.content().end {
            None => Ok(PERMIT),
            Some(_) => Err(StreamError::Closed),
        }
    }
}

#[async_trait]
impl Pollable for Pen {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasi_http::Holdings;

    fn gathered(declared: Option<u64>) -> (Arc<Gathered>, Holdings) {
        let holdings = Holdings::default();
        (Arc::new(Gathered::new(declared, holdings.nothing())), holdings)
    }

    #[tokio::test]
    async fn a_body_is_whole_when_it_is_finished_and_not_before() {
        let (body, _) = gathered(Some(4));
        let waits = tokio::spawn({
            let body = Arc::clone(&body);
            async move { body.whole().await.map(|whole| whole.bytes) }
        });
        tokio::task::yield_now().await;
        body.add(b"ab").unwrap();
        body.add(b"cd").unwrap();
        assert!(!waits.is_finished());
        body.finish(false).unwrap();
        assert_eq!(waits.await.unwrap().unwrap(), b"abcd");
        assert!(body.add(b"more").is_err());
    }

    #[tokio::test]
    async fn b18_a_body_of_another_length_than_it_said_is_never_sent() {
        for (declared, written) in [(3, "ab"), (1, "ab"), (0, "ab"), (u64::MAX, "ab")] {
            let (body, holdings) = gathered(Some(declared));
            drop(body.add(written.as_bytes()));
            assert!(matches!(body.finish(false), Err(ErrorCode::HttpRequestBodySize(_))), "{declared}");
            assert!(body.whole().await.is_err());
            assert_eq!(holdings.bytes(), 0);
        }
    }

    #[tokio::test]
    async fn b20_a_body_ends_at_the_limit_before_it_grows_and_gives_its_bytes_back() {
        let (body, holdings) = gathered(None);
        for _ in 0..limits::REQUEST_BODY_BYTES / PERMIT {
            body.add(&[0; PERMIT]).unwrap();
        }
        assert_eq!(holdings.bytes(), limits::REQUEST_BODY_BYTES);
        assert!(matches!(body.add(b"x"), Err(Some(ErrorCode::HttpRequestBodySize(_)))));
        assert_eq!(holdings.bytes(), 0);
        assert!(body.finish(false).is_err() && body.whole().await.is_err());
    }

    #[tokio::test]
    async fn b23_a_body_with_trailers_or_that_was_let_go_is_never_sent() {
        let (body, _) = gathered(None);
        assert!(matches!(body.finish(true), Err(ErrorCode::HttpRequestTrailerSectionSize(_))));
        assert!(body.whole().await.is_err());
        let (body, _) = gathered(None);
        body.add(b"half").unwrap();
        drop(Draft::new(Arc::clone(&body)));
        assert!(body.whole().await.is_err() && body.finish(false).is_err());
    }

    #[test]
    fn b20_many_bodies_together_end_at_what_the_host_holds_for_a_call() {
        let holdings = Holdings::default();
        let bodies: Vec<_> = (0..200).map(|_| Gathered::new(None, holdings.nothing())).collect();
        let written = bodies.iter().filter(|body| body.add(&vec![0; limits::REQUEST_BODY_BYTES]).is_ok()).count();
        assert_eq!(written, limits::HELD_BYTES / limits::REQUEST_BODY_BYTES);
    }
}
