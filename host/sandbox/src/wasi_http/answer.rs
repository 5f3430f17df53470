//! `incoming-response`, `incoming-body`: an answer that passed the gate, whole, read by the program as it likes.

use bytes::Bytes;
use hotcell_protocol::Answer;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::DynInputStream;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::InputStream;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::p2::StreamError;
use wasmtime_wasi::p2::StreamResult;
use wasmtime_wasi::p2::subscribe;

use super::fields::Fields;
use super::held::Held;
use crate::bindings::wasi_http::types;
use crate::bindings::wasi_http::types::ErrorCode;
use crate::state::State;

/// Bytes that a program gets at once, whatever it asks for.
const PIECE: usize = 256 * 1024;

/// An answer.
#[derive(Debug)]
pub struct Arrived {
    status: u16,
    headers: Fields,
    body: Option<Page>,
}

impl Arrived {
    /// An answer whose body counts as held.
    pub(crate) fn new(answer: Answer, held: Held) -> Self {
        let page = Page { bytes: Bytes::from(answer.body), _held: held };
        Self { status: answer.status, headers: Fields::of_answer(answer.headers), body: Some(page) }
    }
}

/// The body, before it is read.
#[derive(Debug)]
pub struct AnswerBody(Option<Page>);

/// What is left to read.
#[derive(Debug)]
struct Page {
    bytes: Bytes,
    _held: Held,
}

/// Answers here have no trailers: RFC 9110 §6.5 lets a recipient discard them, and the gate does.
#[derive(Debug, Default)]
pub struct NoTrailers {
    told: bool,
}

impl InputStream for Page {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.bytes.is_empty() {
            return Err(StreamError::Closed);
        }
        Ok(self.bytes.split_to(size.min(PIECE).min(self.bytes.len())))
    }
}

#[async_trait]
impl Pollable for Page {
    async fn ready(&mut self) {}
}

#[async_trait]
impl Pollable for NoTrailers {
    async fn ready(&mut self) {}
}

impl types::HostIncomingResponse for State {
    fn status(&mut self, response: Resource<Arrived>) -> Result<u16> {
        Ok(self.table.get(&response)?.status)
    }

    fn headers(&mut self, response: Resource<Arrived>) -> Result<Resource<Fields>> {
        let headers = self.table.get(&response)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn consume(&mut self, response: Resource<Arrived>) -> Result<Result<Resource<AnswerBody>, ()>> {
        match self.table.get_mut(&response)?.body.take() {
            Some(page) => Ok(Ok(self.table.push(AnswerBody(Some(page)))?)),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, response: Resource<Arrived>) -> Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl types::HostIncomingBody for State {
    fn stream(&mut self, body: Resource<AnswerBody>) -> Result<Result<Resource<DynInputStream>, ()>> {
        match self.table.get_mut(&body)?.0.take() {
            Some(page) => Ok(Ok(self.table.push_child(Box::new(page) as DynInputStream, &body)?)),
            None => Ok(Err(())),
        }
    }

    fn finish(&mut self, body: Resource<AnswerBody>) -> Result<Resource<NoTrailers>> {
        self.table.delete(body)?;
        Ok(self.table.push(NoTrailers::default())?)
    }

    fn drop(&mut self, body: Resource<AnswerBody>) -> Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

type Trailers = Option<Resource<Fields>>;

impl types::HostFutureTrailers for State {
    fn subscribe(&mut self, trailers: Resource<NoTrailers>) -> Result<Resource<DynPollable>> {
        subscribe(&mut self.table, trailers)
    }

    fn get(&mut self, trailers: Resource<NoTrailers>) -> Result<Option<Result<Result<Trailers, ErrorCode>, ()>>> {
        let told = std::mem::replace(&mut self.table.get_mut(&trailers)?.told, true);
        Ok(Some(if told { Err(()) } else { Ok(Ok(None)) }))
    }

    fn drop(&mut self, trailers: Resource<NoTrailers>) -> Result<()> {
        self.table.delete(trailers)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasi_http::Holdings;

    #[test]
    fn an_answer_is_read_in_pieces_to_its_end_and_given_back() {
        let holdings = Holdings::default();
        let mut held = holdings.nothing();
        assert!(held.grow(600_000));
        let body = (0..600_000_u32).map(|at| (at % 251) as u8).collect::<Vec<_>>();
        let answer = Answer { status: 200, headers: Vec::new(), body: body.clone() };
        let mut page = Arrived::new(answer, held).body.unwrap();
        let mut read = Vec::new();
        loop {
            match page.read(usize::MAX) {
                Ok(piece) => {
                    assert!(!piece.is_empty() && piece.len() <= PIECE);
                    read.extend_from_slice(&piece);
                }
                Err(error) => {
                    assert!(matches!(error, StreamError::Closed));
                    break;
                }
            }
        }
        assert_eq!(read, body);
        drop(page);
        assert_eq!(holdings.bytes(), 0);
    }
}
