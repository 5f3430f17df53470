//! A program that was written for another host: plain functions, and `wasi:http` from WASI's own bindings. Nothing in it knows of
//! Hotcell. Its other functions do what programs do wrong, or what an attacker would.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::ErrorCode;
use wasip2::http::types::Fields;
use wasip2::http::types::FutureIncomingResponse;
use wasip2::http::types::IncomingBody;
use wasip2::http::types::IncomingResponse;
use wasip2::http::types::Method;
use wasip2::http::types::OutgoingBody;
use wasip2::http::types::OutgoingRequest;
use wasip2::http::types::RequestOptions;
use wasip2::http::types::Scheme;
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;

wit_bindgen::generate!({ path: "wit" });

struct Program;
export!(Program);

impl Guest for Program {
    fn list(authority: String) -> Result<Vec<String>, String> {
        let mut headers = vec![("accept".to_owned(), "text/plain".to_owned())];
        if let Ok(key) = std::env::var("API_KEY") {
            headers.push(("authorization".to_owned(), format!("Bearer {key}")));
        }
        let path = Some("/api/items".to_owned());
        let answer = Self::send(Request { headers, path, ..to(authority) })?;
        match answer.status {
            200 => Ok(answer.body.lines().map(str::to_owned).collect()),
            status => Err(format!("the server answered {status}")),
        }
    }

    fn send(request: Request) -> Result<Answer, String> {
        let future = start(&request)?;
        answer(wait(future)?)
    }

    fn together(authority: String, paths: Vec<String>) -> Vec<String> {
        let request = |path| Request { path: Some(path), ..to(authority.clone()) };
        let futures: Vec<_> = paths.into_iter().map(|path| start(&request(path))).collect();
        loop {
            let pollables: Vec<_> = futures.iter().flatten().map(FutureIncomingResponse::subscribe).collect();
            let waiting: Vec<_> = pollables.iter().filter(|pollable| !pollable.ready()).collect();
            if waiting.is_empty() {
                break;
            }
            poll(&waiting);
        }
        let status = |future: Result<FutureIncomingResponse, String>| match future.and_then(wait) {
            Ok(response) => response.status().to_string(),
            Err(error) => error,
        };
        futures.into_iter().map(status).collect()
    }

    fn forget(authority: String, path: String, count: u32, wait_first: bool) -> String {
        let request = Request { path: Some(path), ..to(authority) };
        for _ in 0..count {
            match start(&request) {
                Ok(future) if wait_first => {
                    // Long enough that it is on its way.
                    let moment = wasip2::clocks::monotonic_clock::subscribe_duration(20_000_000);
                    poll(&[&moment, &future.subscribe()]);
                }
                _ => {}
            }
        }
        match start(&request).and_then(wait) {
            Ok(response) => response.status().to_string(),
            Err(error) => error,
        }
    }

    fn leave(authority: String, path: String, count: u32) {
        let request = Request { path: Some(path), ..to(authority) };
        let started: Vec<_> = (0..count).map(|_| start(&request)).collect();
        wasip2::clocks::monotonic_clock::subscribe_duration(100_000_000).block();
        std::mem::forget(started);
    }

    fn hoard(what: String, authority: String, count: u32) -> String {
        let request = || to(authority.clone());
        match what.as_str() {
            "fields" => keep(count, || Some(Fields::new())),
            "long-fields" => {
                let fields = Fields::new();
                let grown = (0..count).take_while(|_| fields.append("x-a", &[b'x'; 1_000]).is_ok()).count();
                return grown.to_string();
            }
            "bodies" => keep(count, || {
                let request = OutgoingRequest::new(Fields::new());
                let body = request.body().ok()?;
                let stream = body.write().ok()?;
                let full = (0..16).all(|_| stream.check_write().is_ok() && stream.write(&[0; 65_536]).is_ok());
                full.then_some((stream, body, request))
            }),
            "endless-body" => {
                let opened = OutgoingRequest::new(Fields::new());
                let body = opened.body().unwrap();
                let stream = body.write().unwrap();
                let written = (0..count).take_while(|_| stream.write(&[0; 65_536]).is_ok()).count();
                return written.to_string();
            }
            "zeroes" => {
                let opened = OutgoingRequest::new(Fields::new());
                let body = opened.body().unwrap();
                let stream = body.write().unwrap();
                drop(stream.write_zeroes(u64::from(count)));
            }
            "answers" => keep(count, || start(&request()).and_then(wait).ok()),
            "futures" => keep(count, || start(&Request { body: Some(Vec::new()), ..request() }).ok()),
            "unfinished" => keep(count, || {
                let opened = OutgoingRequest::new(Fields::new());
                let body = opened.body().ok()?;
                opened.set_authority(Some(&authority)).ok()?;
                Some((body, handle(opened, None).ok()?))
            }),
            other => return format!("nobody hoards {other}"),
        }
        "kept".to_owned()
    }
}

/// Keeps things until there are no more, and then until the end of the call.
fn keep<T>(count: u32, mut one: impl FnMut() -> Option<T>) {
    let mut kept = Vec::new();
    for _ in 0..count {
        match one() {
            Some(thing) => kept.push(thing),
            None => break,
        }
    }
    eprintln!("{} kept", kept.len());
    std::mem::forget(kept);
}

fn to(authority: String) -> Request {
    Request {
        method: "GET".into(),
        scheme: Some("http".into()),
        authority: Some(authority),
        path: Some("/api/x".into()),
        headers: Vec::new(),
        body: None,
        trailers: Vec::new(),
        patience: None,
    }
}

fn fields(pairs: &[(String, String)]) -> Result<Fields, String> {
    let fields = Fields::new();
    for (name, value) in pairs {
        fields.append(name, value.as_bytes()).map_err(|error| format!("fields: {error:?}"))?;
    }
    Ok(fields)
}

fn start(asked: &Request) -> Result<FutureIncomingResponse, String> {
    let request = OutgoingRequest::new(fields(&asked.headers)?);
    let scheme = asked.scheme.as_deref().map(|scheme| match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    });
    request.set_method(&method(&asked.method)).map_err(|()| "set-method")?;
    request.set_scheme(scheme.as_ref()).map_err(|()| "set-scheme")?;
    request.set_authority(asked.authority.as_deref()).map_err(|()| "set-authority")?;
    request.set_path_with_query(asked.path.as_deref()).map_err(|()| "set-path-with-query")?;
    let options = asked.patience.map(|millis| {
        let options = RequestOptions::new();
        options.set_first_byte_timeout(Some(millis.saturating_mul(1_000_000))).unwrap();
        options
    });
    let body = match &asked.body {
        Some(pieces) => Some((request.body().map_err(|()| "body")?, pieces)),
        None => None,
    };
    let future = handle(request, options).map_err(|code| name(&code))?;
    if let Some((body, pieces)) = body {
        let stream = body.write().map_err(|()| "write")?;
        for piece in pieces {
            stream.blocking_write_and_flush(piece.as_bytes()).map_err(|error| stream_error(&error))?;
        }
        drop(stream);
        let trailers = if asked.trailers.is_empty() { None } else { Some(fields(&asked.trailers)?) };
        OutgoingBody::finish(body, trailers).map_err(|code| format!("finish: {}", name(&code)))?;
    }
    Ok(future)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    }
}

fn wait(future: FutureIncomingResponse) -> Result<IncomingResponse, String> {
    future.subscribe().block();
    future.get().ok_or("not ready")?.map_err(|()| "taken")?.map_err(|code| name(&code))
}

fn answer(response: IncomingResponse) -> Result<Answer, String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let headers = response.headers().entries().into_iter().map(|(name, value)| (name, text(value))).collect();
    let body = response.consume().map_err(|()| "consume")?;
    let stream = body.stream().map_err(|()| "stream")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(100_000) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(stream_error(&error)),
        }
    }
    drop(stream);
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    match trailers.get() {
        Some(Ok(Ok(None))) => Ok(Answer { status: response.status(), headers, body: text(bytes) }),
        _ => Err("trailers".to_owned()),
    }
}

fn name(code: &ErrorCode) -> String {
    format!("{code:?}").trim_start_matches("ErrorCode::").to_owned()
}

fn stream_error(error: &StreamError) -> String {
    match error {
        StreamError::Closed => "closed".to_owned(),
        StreamError::LastOperationFailed(error) => {
            wasip2::http::types::http_error_code(error).map_or_else(|| "unknown".to_owned(), |code| name(&code))
        }
    }
}
