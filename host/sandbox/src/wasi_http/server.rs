//! The server's half of `wasi:http/types`. Runtimes import its types whether they serve or not; nothing of it leads anywhere.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::answer::AnswerBody;
use super::body::Draft;
use super::fields::Fields;
use crate::bindings::wasi_http::types;
use crate::bindings::wasi_http::types::ErrorCode;
use crate::bindings::wasi_http::types::Method;
use crate::bindings::wasi_http::types::Scheme;
use crate::state::State;

/// A request from outside, and where its answer would go. There is none: a handle to one is the program's mistake, and traps.
#[derive(Debug)]
pub enum Never {}

/// An answer to nobody.
#[derive(Debug)]
pub struct Unsent {
    status: u16,
    headers: Fields,
}

impl types::HostIncomingRequest for State {
    fn method(&mut self, request: Resource<Never>) -> Result<Method> {
        match *self.table.get(&request)? {}
    }

    fn path_with_query(&mut self, request: Resource<Never>) -> Result<Option<String>> {
        match *self.table.get(&request)? {}
    }

    fn scheme(&mut self, request: Resource<Never>) -> Result<Option<Scheme>> {
        match *self.table.get(&request)? {}
    }

    fn authority(&mut self, request: Resource<Never>) -> Result<Option<String>> {
        match *self.table.get(&request)? {}
    }

    fn headers(&mut self, request: Resource<Never>) -> Result<Resource<Fields>> {
        match *self.table.get(&request)? {}
    }

    fn consume(&mut self, request: Resource<Never>) -> Result<Result<Resource<AnswerBody>, ()>> {
        match *self.table.get(&request)? {}
    }

    fn drop(&mut self, request: Resource<Never>) -> Result<()> {
        match self.table.delete(request)? {}
    }
}

impl types::HostResponseOutparam for State {
    fn set(&mut self, out: Resource<Never>, _: Result<Resource<Unsent>, ErrorCode>) -> Result<()> {
        match self.table.delete(out)? {}
    }

    fn drop(&mut self, out: Resource<Never>) -> Result<()> {
        match self.table.delete(out)? {}
    }
}

impl types::HostOutgoingResponse for State {
    fn new(&mut self, headers: Resource<Fields>) -> Result<Resource<Unsent>> {
        let headers = self.table.delete(headers)?.fixed();
        Ok(self.table.push(Unsent { status: 200, headers })?)
    }

    fn status_code(&mut self, response: Resource<Unsent>) -> Result<u16> {
        Ok(self.table.get(&response)?.status)
    }

    fn set_status_code(&mut self, response: Resource<Unsent>, status: u16) -> Result<Result<(), ()>> {
        if !(100..1_000).contains(&status) {
            return Ok(Err(()));
        }
        self.table.get_mut(&response)?.status = status;
        Ok(Ok(()))
    }

    fn headers(&mut self, response: Resource<Unsent>) -> Result<Resource<Fields>> {
        let headers = self.table.get(&response)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn body(&mut self, response: Resource<Unsent>) -> Result<Result<Resource<Draft>, ()>> {
        self.table.get(&response)?;
        Ok(Err(()))
    }

    fn drop(&mut self, response: Resource<Unsent>) -> Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}
