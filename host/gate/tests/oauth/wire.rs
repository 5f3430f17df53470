//! HTTP/1.1 by hand: a client that sends what it is told, and a server that answers what it is told, right or wrong.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use url::Url;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl Fetched {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// Sends bytes to an address and reads until the other side closes. `None` if nobody listens.
pub(crate) async fn raw(to: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(to).await.ok()?;
    stream.write_all(bytes).await.ok()?;
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.ok()?;
    Some(read)
}

/// One exchange. A body makes it a `POST` of a form.
pub(crate) async fn fetch(url: &Url, further: &[(&str, &str)], body: Option<&str>) -> Option<Fetched> {
    let authority = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in further {
        request += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        if !further.iter().any(|(name, _)| *name == "content-type") {
            request += "content-type: application/x-www-form-urlencoded\r\n";
        }
        request += &format!("content-length: {}\r\n", body.len());
    }
    request += &format!("\r\n{}", body.unwrap_or_default());
    let answer = raw(&authority, request.as_bytes()).await?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines.filter_map(pair).collect();
    let chunked = header(&headers, "transfer-encoding") == Some("chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Some(Fetched { status, headers, body })
}

fn pair(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_ascii_lowercase(), value.trim().to_owned()))
}

fn unchunk(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        body += &rest[..size];
        text = &rest[size + 2..];
    }
    body
}

/// What a server does with a call.
pub(crate) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, then nothing, and does not close.
    Hang(Vec<u8>),
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with(status, "content-type: application/json\r\n", body.as_bytes())
    }

    pub(crate) fn with(status: u16, headers: &str, body: &[u8]) -> Self {
        let head =
            format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A server on 127.0.0.1, gone when dropped. Keeps what was asked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) calls: Arc<Mutex<Vec<Call>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(Call) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_async(move |call| {
            let reply = answer(call);
            Box::pin(async move { reply })
        })
        .await
    }

    pub(crate) async fn start_async(answer: impl Fn(Call) -> Answering + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept) = (Arc::new(answer), Arc::clone(&calls));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                connections.spawn(async move { serve(stream, &*answer, &kept).await });
            }
        });
        Self { address, calls, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, answer: &(dyn Fn(Call) -> Answering + Send + Sync), kept: &Mutex<Vec<Call>>) {
    let Some(call) = read(&mut stream).await else { return };
    kept.lock().unwrap().push(call.clone());
    let (bytes, hang) = match answer(call).await {
        Reply::Bytes(bytes) => (bytes, false),
        Reply::Hang(bytes) => (bytes, true),
    };
    // A client that has seen enough closes early.
    drop(stream.write_all(&bytes).await);
    if hang {
        std::future::pending::<()>().await;
    }
    drop(stream.shutdown().await);
}

async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let end = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut request = lines.next()?.split(' ');
    let (method, target) = (request.next()?.to_owned(), request.next()?.to_owned());
    let headers: Vec<_> = lines.filter_map(pair).collect();
    let length: usize = header(&headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let body = String::from_utf8(bytes[end + 4..].to_vec()).ok()?;
    Some(Call { method, target, headers, body })
}
