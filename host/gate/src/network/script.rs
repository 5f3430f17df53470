//! Signed → Received without a network: what a script has for a request, held to the same bounds as what servers send.

use std::future::pending;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use tokio::time::Instant;
use tokio::time::timeout_at;

use super::Received;
use super::Way;
use super::body::too_large;
use super::client::check_head;
use crate::rehearsal::Fault;
use crate::rehearsal::Piece;
use crate::rehearsal::Played;
use crate::rehearsal::Reply;
use crate::rehearsal::Script;
use crate::scan::Reading;
use crate::sign::Signed;

impl Way for Script {
    const MADE_UP: bool = true;

    async fn send(&self, signed: Signed, mut reading: Reading, deadline: Instant) -> Result<Received, Refusal> {
        let credential = self.credential(&signed)?;
        let origin = signed.target.origin.to_string();
        let reply = match self.play(&signed)? {
            Played::Reply(reply) => reply,
            Played::Fails(fault) => return Err(failed(fault, &origin, deadline).await),
        };
        let Reply { status, headers, body } = reply;
        let headers = headers.into_iter().map(|(name, value)| field(&name, &value, credential));
        let headers = headers.collect::<Result<HeaderMap, _>>()?;
        if headers.len() > limits::RESPONSE_HEADERS {
            return Err(bad(format!("has more than {} header fields", limits::RESPONSE_HEADERS)));
        }
        check_head(status, &headers, &origin)?;
        let body = whole(&body, credential)?;
        if body.len() > limits::RESPONSE_BODY_BYTES {
            return Err(too_large(&origin));
        }
        reading.more(&body);
        Ok(Received { status, headers, body, reading, target: signed.target, _made: () })
    }
}

/// What the network says where a server fails in this way.
async fn failed(fault: Fault, origin: &str, deadline: Instant) -> Refusal {
    let (code, what) = match fault {
        Fault::Silent => {
            drop(timeout_at(deadline, pending::<()>()).await);
            (Code::DeadlineExceeded, format!("the call's time was over before {origin} had answered"))
        }
        Fault::TimedOut => (Code::UpstreamTimedOut, format!("{origin} did not answer in time")),
        Fault::Unreachable => {
            (Code::UpstreamUnreachable, format!("{origin} cannot be reached (name, address or certificate)"))
        }
    };
    Refusal::new(code, what, "the script says so")
}

fn field(name: &str, value: &[Piece], credential: Option<&str>) -> Result<(HeaderName, HeaderValue), Refusal> {
    let value = whole(value, credential)?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("has a header that HTTP has not".into()))?;
    let value = HeaderValue::from_bytes(&value).map_err(|_| bad("has a header's value that HTTP has not".into()))?;
    Ok((name, value))
}

/// All pieces, with the credential in its places.
fn whole(pieces: &[Piece], credential: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(more) => bytes.extend_from_slice(more),
            Piece::Credential => {
                let given =
                    credential.ok_or_else(|| bad("gives back a credential that the request did not carry".into()))?;
                bytes.extend_from_slice(given.as_bytes());
            }
        }
    }
    Ok(bytes)
}

/// A mistake in the script.
fn bad(what: String) -> Refusal {
    Refusal::new(Code::BadConfig, format!("a written answer {what}"), "correct the answer")
}
