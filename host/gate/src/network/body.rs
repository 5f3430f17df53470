//! Reads a response's body whole, or not at all: no part of an overlong or broken body is ever handed on, since the part
//! may end in the middle of what the scan looks for (threat E6).

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use reqwest::Response;
use tokio::time::timeout;

use crate::scan::Reading;

/// The whole body. The scan looks at it while it comes.
pub(super) async fn read(mut response: Response, reading: &mut Reading, origin: &str) -> Result<Vec<u8>, Refusal> {
    if response
        .content_length()
        .is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limits::RESPONSE_BODY_BYTES))
    {
        return Err(too_large(origin));
    }
    // The length that the server says, which is within bounds here: nothing is copied again as it grows.
    let said = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = Vec::with_capacity(said);
    loop {
        let chunk = timeout(limits::READ_TIMEOUT, response.chunk()).await.map_err(|_| {
            Refusal::new(
                Code::UpstreamTimedOut,
                format!("{origin} stopped in the middle of its answer"),
                "try again; the server is slow or hangs",
            )
        })?;
        match chunk.map_err(|_| broken(origin))? {
            None => return Ok(body),
            Some(chunk) if body.len() + chunk.len() > limits::RESPONSE_BODY_BYTES => return Err(too_large(origin)),
            Some(chunk) => {
                body.extend_from_slice(&chunk);
                reading.more(&body);
            }
        }
    }
}

/// The refusal of an answer that is over its limit, as it came or decoded.
pub(crate) fn too_large(origin: &str) -> Refusal {
    Refusal::new(
        Code::ResponseTooLarge,
        format!("the answer of {origin} has more than {} bytes", limits::RESPONSE_BODY_BYTES),
        "the tool must ask for less, for instance in pages",
    )
}

fn broken(origin: &str) -> Refusal {
    Refusal::new(
        Code::UpstreamUnreachable,
        format!("{origin} broke off in the middle of its answer"),
        "try again; the server or the network failed",
    )
}
