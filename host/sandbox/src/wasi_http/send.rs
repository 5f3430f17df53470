//! `outgoing-handler`: a request goes through the gate when its body is whole; the program waits for the answer, or does not.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hotcell_protocol::Asked;
use hotcell_protocol::Method;
use tokio::sync::oneshot;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::p2::subscribe;
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;

use super::Holdings;
use super::answer::Arrived;
use super::body::Gathered;
use super::parts::error_code;
use super::request::Options;
use super::request::Request;
use crate::bindings::wasi_http::outgoing_handler;
use crate::bindings::wasi_http::types;
use crate::bindings::wasi_http::types::ErrorCode;
use crate::outside::Exit;
use crate::state::State;

type Outcome = Result<Arrived, ErrorCode>;

/// A request under way. Dropped, it is given up.
pub struct Arriving {
    outcome: Arrival,
    _task: AbortOnDropJoinHandle<()>,
}

enum Arrival {
    Awaited(oneshot::Receiver<Outcome>),
    Here(Outcome),
    Taken,
}

impl outgoing_handler::Host for State {
    fn handle(
        &mut self,
        request: Resource<Request>,
        options: Option<Resource<Options>>,
    ) -> Result<Result<Resource<Arriving>, ErrorCode>> {
        let Request { parts, body } = self.table.delete(request)?;
        let options = options.map(|options| self.table.delete(options)).transpose()?.unwrap_or_default();
        let asked = match parts.asked(body.is_some()) {
            Ok(asked) => asked,
            Err((code, why)) => {
                self.explain(why);
                return Ok(Err(code));
            }
        };
        let (tell, told) = oneshot::channel();
        let answer = answer(self.exit.clone(), asked, body, options.patience(), self.holdings.clone());
        let task = tokio::spawn(async move {
            // Nobody waits any more where the program dropped the future, and the task with it.
            drop(tell.send(answer.await));
        });
        let arriving = Arriving { outcome: Arrival::Awaited(told), _task: task.into() };
        Ok(Ok(self.table.push(arriving)?))
    }
}

/// The way of one request.
async fn answer(
    exit: Exit,
    mut asked: Asked,
    body: Option<Arc<Gathered>>,
    patience: Option<Duration>,
    holdings: Holdings,
) -> Outcome {
    let body = match body {
        Some(body) => Some(body.whole().await?),
        None => None,
    };
    let (bytes, held) = body.map(super::body::Whole::into_parts).unzip();
    // Programs open a body for each request and leave it empty. Where the method means one, its length of 0 is said.
    let means_one = matches!(asked.method, Method::Patch | Method::Post | Method::Put);
    asked.body = bytes.filter(|bytes| means_one || !bytes.is_empty());
    let sent = within(patience, exit.send(asked)).await;
    drop(held);
    let answer = sent.ok_or(ErrorCode::ConnectionReadTimeout)?.map_err(error_code)?;
    let mut held = holdings.nothing();
    if !held.grow(answer.body.len()) {
        return Err(ErrorCode::HttpResponseBodySize(u64::try_from(answer.body.len()).ok()));
    }
    Ok(Arrived::new(answer, held))
}

async fn within<T>(patience: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match patience {
        Some(patience) => tokio::time::timeout(patience, work).await.ok(),
        None => Some(work.await),
    }
}

#[async_trait]
impl Pollable for Arriving {
    async fn ready(&mut self) {
        if let Arrival::Awaited(told) = &mut self.outcome {
            self.outcome = Arrival::Here(told.await.unwrap_or(Err(ErrorCode::InternalError(None))));
        }
    }
}

impl types::HostFutureIncomingResponse for State {
    fn subscribe(&mut self, arriving: Resource<Arriving>) -> Result<Resource<DynPollable>> {
        subscribe(&mut self.table, arriving)
    }

    fn get(
        &mut self,
        arriving: Resource<Arriving>,
    ) -> Result<Option<Result<Result<Resource<Arrived>, ErrorCode>, ()>>> {
        let arriving = self.table.get_mut(&arriving)?;
        // A program that only looks, and never waits, sees the answer too.
        let outcome = match std::mem::replace(&mut arriving.outcome, Arrival::Taken) {
            Arrival::Taken => return Ok(Some(Err(()))),
            Arrival::Here(outcome) => outcome,
            Arrival::Awaited(mut told) => match told.try_recv() {
                Ok(outcome) => outcome,
                Err(oneshot::error::TryRecvError::Closed) => Err(ErrorCode::InternalError(None)),
                Err(oneshot::error::TryRecvError::Empty) => {
                    arriving.outcome = Arrival::Awaited(told);
                    return Ok(None);
                }
            },
        };
        Ok(Some(Ok(match outcome {
            Ok(arrived) => Ok(self.table.push(arrived)?),
            Err(code) => Err(code),
        })))
    }

    fn drop(&mut self, arriving: Resource<Arriving>) -> Result<()> {
        self.table.delete(arriving)?;
        Ok(())
    }
}
