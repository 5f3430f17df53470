//! An answer's body that holds its user's place until it has been read, and that ends with the user's token where it would
//! else go on without end: whoever lost access hears nothing more.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::SystemTime;

use axum::body::Body;
use axum::body::Bytes;
use http_body::Frame;
use http_body::SizeHint;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio::time::sleep;

use super::left;

pub(super) struct Held {
    inner: Body,
    end: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Held {
    pub(super) fn new(inner: Body, place: OwnedSemaphorePermit, until: Option<SystemTime>) -> Self {
        Self { inner, end: until.map(|until| Box::pin(sleep(left(until)))), _place: place }
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(end) = &mut self.end
            && end.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // One that may be cut has no length.
        if self.end.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}
