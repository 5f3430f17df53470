//! The answer that shows a device flow's code, and does not end before the sign-in does: first the code, then what became of
//! it. Whoever did not click does not see the code, and no script and no cookie is needed for the end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use axum::body::Body;
use axum::body::Bytes;
use axum::response::Response;
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::page::Code;
use super::page::Page;
use super::page::Stage;
use super::sheet::Sheet;
use super::sheet::code_page;
use super::sheet::result;

/// Bytes of the first piece.
const FIRST_BYTES: usize = 1_024;

/// The page with the code. What ends it is given to `begin`, to run beside.
pub(super) fn code(
    page: &Arc<Page>,
    code: &Code,
    begin: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
) -> Response {
    // A place each: connections are few.
    let Ok(place) = Arc::clone(&page.watching).try_acquire_owned() else { return Sheet::Started.response() };
    let (pieces, sent) = mpsc::channel(2);
    let page = Arc::clone(page);
    let (head, first) = code_page(&page, code);
    begin(Box::pin(async move {
        let _place = place;
        // Some browsers show nothing of a page before they have so much of it.
        drop(pieces.send(Bytes::from(format!("{first:<FIRST_BYTES$}"))).await);
        tokio::select! {
            stage = page.ended() => {
                if let Stage::Over(outcome) = stage {
                    let (_, words) = result(&page, &outcome);
                    drop(pieces.send(Bytes::from(format!("<hr><p>{words}</p></html>\n"))).await);
                }
            }
            // The browser went; the sign-in goes on.
            () = pieces.closed() => {}
        }
    }));
    head.body(Body::new(Pieces(sent))).unwrap_or_else(|_| Sheet::Slow.response())
}

/// A body that comes piece by piece.
struct Pieces(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
