//! `outgoing-request`, `request-options`: what a program says of a request before it is sent.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::body::Draft;
use super::body::Gathered;
use super::fields::Fields;
use super::parts;
use super::parts::Parts;
use crate::bindings::wasi_http::types;
use crate::bindings::wasi_http::types::Method;
use crate::bindings::wasi_http::types::Scheme;
use crate::state::State;

/// A request that is written.
#[derive(Debug)]
pub struct Request {
    pub(crate) parts: Parts,
    pub(crate) body: Option<Arc<Gathered>>,
}

/// How long a program wants to wait. The host's own limits hold whatever it says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    connect: Option<u64>,
    first_byte: Option<u64>,
    between_bytes: Option<u64>,
}

impl Options {
    /// The time from the whole request to the answer: what was given for connecting, and for the first byte. An answer comes
    /// whole, so that its first byte is there when its last one is. Without the latter only the host's own limits hold.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let first_byte = self.first_byte?;
        Some(Duration::from_nanos(first_byte.saturating_add(self.connect.unwrap_or_default())))
    }
}

impl types::HostOutgoingRequest for State {
    fn new(&mut self, headers: Resource<Fields>) -> Result<Resource<Request>> {
        let headers = self.table.delete(headers)?.fixed();
        let parts = Parts { method: Method::Get, scheme: None, authority: None, path: None, headers };
        Ok(self.table.push(Request { parts, body: None })?)
    }

    fn body(&mut self, request: Resource<Request>) -> Result<Result<Resource<Draft>, ()>> {
        let held = self.holdings.nothing();
        let request = self.table.get_mut(&request)?;
        // A length that is none is refused here, too: the body would be held against nothing.
        let (None, Ok(declared)) = (&request.body, parts::content_length(&request.parts.headers)) else {
            return Ok(Err(()));
        };
        let body = Arc::new(Gathered::new(declared, held));
        request.body = Some(Arc::clone(&body));
        Ok(Ok(self.table.push(Draft::new(body))?))
    }

    fn method(&mut self, request: Resource<Request>) -> Result<Method> {
        Ok(self.table.get(&request)?.parts.method.clone())
    }

    fn set_method(&mut self, request: Resource<Request>, method: Method) -> Result<Result<(), ()>> {
        if matches!(&method, Method::Other(name) if !parts::is_method(name)) {
            return Ok(Err(()));
        }
        self.table.get_mut(&request)?.parts.method = method;
        Ok(Ok(()))
    }

    fn path_with_query(&mut self, request: Resource<Request>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.parts.path.clone())
    }

    fn set_path_with_query(&mut self, request: Resource<Request>, path: Option<String>) -> Result<Result<(), ()>> {
        if path.as_deref().is_some_and(|path| !parts::is_path(path)) {
            return Ok(Err(()));
        }
        self.table.get_mut(&request)?.parts.path = path;
        Ok(Ok(()))
    }

    fn scheme(&mut self, request: Resource<Request>) -> Result<Option<Scheme>> {
        Ok(self.table.get(&request)?.parts.scheme.clone())
    }

    fn set_scheme(&mut self, request: Resource<Request>, scheme: Option<Scheme>) -> Result<Result<(), ()>> {
        if matches!(scheme, Some(Scheme::Other(_))) {
            return Ok(Err(()));
        }
        self.table.get_mut(&request)?.parts.scheme = scheme;
        Ok(Ok(()))
    }

    fn authority(&mut self, request: Resource<Request>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.parts.authority.clone())
    }

    fn set_authority(&mut self, request: Resource<Request>, authority: Option<String>) -> Result<Result<(), ()>> {
        if authority.as_deref().is_some_and(|authority| !parts::is_authority(authority)) {
            return Ok(Err(()));
        }
        self.table.get_mut(&request)?.parts.authority = authority;
        Ok(Ok(()))
    }

    fn headers(&mut self, request: Resource<Request>) -> Result<Resource<Fields>> {
        let headers = self.table.get(&request)?.parts.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn drop(&mut self, request: Resource<Request>) -> Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl types::HostRequestOptions for State {
    fn new(&mut self) -> Result<Resource<Options>> {
        Ok(self.table.push(Options::default())?)
    }

    fn connect_timeout(&mut self, options: Resource<Options>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.connect)
    }

    fn set_connect_timeout(&mut self, options: Resource<Options>, nanos: Option<u64>) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.connect = nanos;
        Ok(Ok(()))
    }

    fn first_byte_timeout(&mut self, options: Resource<Options>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.first_byte)
    }

    fn set_first_byte_timeout(&mut self, options: Resource<Options>, nanos: Option<u64>) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.first_byte = nanos;
        Ok(Ok(()))
    }

    fn between_bytes_timeout(&mut self, options: Resource<Options>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.between_bytes)
    }

    fn set_between_bytes_timeout(&mut self, options: Resource<Options>, nanos: Option<u64>) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.between_bytes = nanos;
        Ok(Ok(()))
    }

    fn drop(&mut self, options: Resource<Options>) -> Result<()> {
        self.table.delete(options)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b21_no_span_that_a_program_names_overflows_or_panics() {
        let options = |connect, first_byte| Options { connect, first_byte, between_bytes: Some(0) };
        assert_eq!(options(Some(0), None).patience(), None);
        assert_eq!(options(None, Some(0)).patience(), Some(Duration::ZERO));
        assert_eq!(options(Some(2), Some(3)).patience(), Some(Duration::from_nanos(5)));
        assert_eq!(options(Some(u64::MAX), Some(u64::MAX)).patience(), Some(Duration::from_nanos(u64::MAX)));
    }
}
