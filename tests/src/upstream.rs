//! Servers on loopback: one that demands a token and gives it away in many forms, and one that answers raw bytes.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Request line and headers, as they came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// All values of a header, in the order in which they came.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// Method and path with query.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap().trim_end_matches(" HTTP/1.1")
    }
}

type Answer = Arc<dyn Fn(&Seen) -> Vec<u8> + Send + Sync>;

/// A server that answers each request with the bytes that a function makes of it, and keeps what came.
pub struct Upstream {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Starts it on a free port.
    pub async fn start(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, connections) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<Mutex<usize>>::default());
        let answer: Answer = Arc::new(answer);
        let (keep, count) = (Arc::clone(&seen), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&keep)));
            }
        });
        Self { port, seen, connections, task }
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The requests that came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, keep: Arc<Mutex<Vec<Seen>>>) {
    while let Some(seen) = read_request(&mut stream).await {
        // Not on a thread of the runtime: some servers sleep before they answer, and what is tested runs there.
        let (answer, keep) = (Arc::clone(&answer), Arc::clone(&keep));
        let answered = tokio::task::spawn_blocking(move || {
            let bytes = answer(&seen);
            keep.lock().unwrap().push(seen);
            bytes
        });
        let Ok(bytes) = answered.await else { return };
        if stream.write_all(&bytes).await.is_err() || bytes.is_empty() {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes[end + 4..].to_vec();
    let seen = Seen { head, body: Vec::new() };
    let length: usize = seen.header("content-length").first().map_or(0, |text| text.parse().unwrap());
    while body.len() < length {
        let mut piece = vec![0; length - body.len()];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => body.extend_from_slice(&piece[..read]),
        }
    }
    Some(Seen { body, ..seen })
}

/// Bytes of an answer.
pub struct Raw;

impl Raw {
    /// A whole answer with this status, these further header lines and this body.
    pub fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
        let body = body.as_ref();
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        for line in headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }

    /// 200 with this body.
    pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
        Self::answer("200 OK", &["Content-Type: text/plain"], body)
    }
}

/// Asks a loopback server without any library, and gives the whole answer as text.
pub(crate) async fn get(port: u16, path: &str, headers: &[(&str, &str)]) -> std::io::Result<String> {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    tokio::time::timeout(Duration::from_secs(10), ask).await.map_err(|_| std::io::ErrorKind::TimedOut)?
}
