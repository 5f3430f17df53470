//! Servers that keep to a script, byte by byte, and know nothing of HTTP but where a request's head ends.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What a server does with each request.
pub type Script = Vec<Step>;

/// One step of a script.
#[derive(Clone)]
pub enum Step {
    /// Closes the connection.
    Close,
    /// Sends these bytes until the other side has enough.
    Forever(Vec<u8>),
    /// Says nothing more, and leaves the connection open.
    Hang,
    /// Breaks the connection off (RST).
    Reset,
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes one by one, this long apart.
    Slowly(Vec<u8>, Duration),
}

/// What becomes of the connection.
enum Then {
    Close,
    Keep,
    Reset,
}

/// A server on loopback. It ends when it is dropped.
pub(super) struct Server {
    origin: String,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// One that answers `fine`.
    pub(super) async fn fine() -> Self {
        Self::start(vec![Step::Send(crate::Raw::ok("fine"))]).await
    }

    /// One with a script.
    pub(super) async fn start(script: Script) -> Self {
        Self::listen(script, None).await
    }

    /// One with a script, or with TLS before it.
    pub(super) async fn listen(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{}", listener.local_addr().unwrap());
        let requests = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, tls.clone(), script.clone(), Arc::clone(&count)));
            }
        });
        Self { origin, requests, task }
    }

    /// One whose origin says TLS, and that answers whatever comes first with these bytes, and then nothing.
    pub(super) async fn hello(bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let bytes = bytes.clone();
                tokio::spawn(async move {
                    let mut piece = [0; 4096];
                    if stream.read(&mut piece).await.ok()? == 0 {
                        return None;
                    }
                    stream.write_all(&bytes).await.ok()?;
                    while stream.read(&mut piece).await.ok()? > 0 {}
                    Some(())
                });
            }
        });
        Self { origin, requests: Arc::default(), task }
    }

    /// Its origin.
    pub(super) fn origin(&self) -> String {
        self.origin.clone()
    }

    /// How many requests came.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(mut stream: TcpStream, tls: Option<TlsAcceptor>, script: Script, count: Arc<AtomicUsize>) {
    if let Some(tls) = tls {
        if let Ok(mut stream) = tls.accept(stream).await {
            while matches!(request(&mut stream, &script, &count).await, Some(Then::Keep)) {}
        }
        return;
    }
    loop {
        match request(&mut stream, &script, &count).await {
            Some(Then::Keep) => {}
            Some(Then::Reset) => return stream.set_zero_linger().unwrap(),
            Some(Then::Close) | None => return,
        }
    }
}

/// Reads a request's head and plays the script. `None`: the other side is gone.
async fn request(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    script: &Script,
    count: &AtomicUsize,
) -> Option<Then> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => head.extend_from_slice(&piece[..length]),
        }
    }
    count.fetch_add(1, Ordering::Relaxed);
    for step in script {
        match step {
            Step::Close => return Some(Then::Close),
            Step::Forever(bytes) => while stream.write_all(bytes).await.is_ok() {},
            Step::Hang => std::future::pending().await,
            Step::Reset => return Some(Then::Reset),
            Step::Send(bytes) => stream.write_all(bytes).await.ok()?,
            Step::Slowly(bytes, pause) => {
                for byte in bytes {
                    stream.write_all(&[*byte]).await.ok()?;
                    stream.flush().await.ok()?;
                    tokio::time::sleep(*pause).await;
                }
            }
        }
    }
    Some(Then::Keep)
}
