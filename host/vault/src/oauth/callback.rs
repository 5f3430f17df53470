//! The listener that a sign-in in the browser comes back to (RFC 8252 §7.3): on 127.0.0.1, at a port of the system's choice,
//! for as long as the sign-in lasts. A request that is not the awaited answer gets its page and ends nothing (threats L1, L4, L5).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio::time::timeout;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::error::OAuthError;
use super::failure::ErrorCode;
use super::page::Page;
use super::pkce::Once;

/// The path of redirect addresses. Servers compare it, and let the port be any (RFC 8252 §7.3).
const PATH: &str = "/callback";
/// Bytes of a request's head.
const HEAD_BYTES: usize = 8 * 1024;
/// Time of one connection. A browser is on the same machine.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// Connections at once: browsers open some ahead. More wait in the system's queue.
const CONNECTIONS: usize = 16;

/// Waits for the answer to one authorisation request.
pub(crate) struct Listener {
    tcp: TcpListener,
    awaited: Arc<Awaited>,
}

/// What the answer must have.
struct Awaited {
    /// `127.0.0.1:PORT`: a page whose name was made to lead here sends another `Host` (DNS rebinding).
    authority: String,
    state: Once,
    /// The state was used: it is good once.
    used: AtomicBool,
}

/// The answer (RFC 6749 §4.1.2).
pub(crate) struct Answer {
    /// Who says to have given it (RFC 9207 §2).
    pub(crate) issuer: Option<String>,
    /// The code, or the error's code.
    pub(crate) code: Result<Zeroizing<String>, Option<ErrorCode>>,
}

impl Listener {
    pub(crate) async fn open() -> Result<Self, OAuthError> {
        let listen = |error: std::io::Error| OAuthError::Listen(error.kind());
        // The literal address, never the name `localhost` (RFC 8252 §8.3), and never all interfaces.
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await.map_err(listen)?;
        let authority = tcp.local_addr().map_err(listen)?.to_string();
        let awaited = Awaited { authority, state: Once::new()?, used: AtomicBool::new(false) };
        Ok(Self { tcp, awaited: Arc::new(awaited) })
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("http://{}{PATH}", self.awaited.authority)
    }

    pub(crate) fn state(&self) -> &str {
        self.awaited.state.as_str()
    }

    /// Waits. Dropped, it closes the port and all connections.
    pub(crate) async fn answer(&self) -> Answer {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.tcp.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve(stream, Arc::clone(&self.awaited)));
                    }
                    // Out of file descriptors, for instance: they may come back.
                    Err(_) => sleep(Duration::from_millis(100)).await,
                },
                Some(ended) = connections.join_next() => {
                    if let Ok(Some(answer)) = ended {
                        return answer;
                    }
                }
            }
        }
    }
}

async fn serve(mut stream: TcpStream, awaited: Arc<Awaited>) -> Option<Answer> {
    let (page, answer) = match timeout(CONNECTION_TIME, head(&mut stream)).await {
        Ok(Some(head)) => match awaited.read(&head) {
            Ok(answer) => (Page::Taken, Some(answer)),
            Err(page) => (page, None),
        },
        Ok(None) | Err(_) => (Page::TooLarge, None),
    };
    // Whether the browser takes the page is not what the sign-in waits for.
    let shown = timeout(CONNECTION_TIME, async {
        stream.write_all(page.response().as_bytes()).await?;
        stream.shutdown().await
    });
    drop(shown.await);
    answer
}

/// The head of a request, up to its empty line.
async fn head(stream: &mut TcpStream) -> Option<Zeroizing<Vec<u8>>> {
    let mut head = Zeroizing::new(vec![0; HEAD_BYTES]);
    let mut filled = 0;
    loop {
        let read = stream.read(head.get_mut(filled..)?).await.ok()?;
        if read == 0 {
            return None;
        }
        filled += read;
        if let Some(end) = head.get(..filled)?.windows(4).position(|four| four == b"\r\n\r\n") {
            head.truncate(end);
            return Some(head);
        }
    }
}

impl Awaited {
    /// The answer, if this is it. Takes the state: nothing else is the answer after that.
    fn read(&self, head: &[u8]) -> Result<Answer, Page> {
        let text = std::str::from_utf8(head).map_err(|_| Page::Bad)?;
        let mut lines = text.split("\r\n");
        let mut request = lines.next().unwrap_or_default().split(' ');
        let (method, target, version) = (request.next(), request.next().unwrap_or_default(), request.next());
        if !matches!(version, Some("HTTP/1.1" | "HTTP/1.0")) || request.next().is_some() {
            return Err(Page::Bad);
        }
        let mut hosts =
            lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        if hosts.next().map(|(_, host)| host.trim_matches([' ', '\t'])) != Some(&self.authority)
            || hosts.next().is_some()
        {
            return Err(Page::Bad);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match (path == PATH, method) {
            (false, _) => Err(Page::Nowhere),
            (true, Some("GET")) => self.answer(query).ok_or(Page::Bad),
            (true, _) => Err(Page::Method),
        }
    }

    fn answer(&self, query: &str) -> Option<Answer> {
        let code = once(query, "code")?.map(Zeroizing::new);
        let error = once(query, "error")?;
        let issuer = once(query, "iss")?;
        let code = match (code, error) {
            (Some(code), None) if !code.is_empty() => Ok(code),
            (None, Some(error)) => Err(ErrorCode::parse(&error)),
            _ => return None,
        };
        // The state comes before all else: not even an error is believed without it.
        let state = Zeroizing::new(once(query, "state")??);
        (self.state.is(&state) && !self.used.swap(true, Ordering::AcqRel)).then_some(Answer { issuer, code })
    }
}

/// The value of a parameter; `None` if it is there twice (RFC 6749 §3.1).
fn once(query: &str, name: &str) -> Option<Option<String>> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let first = values.next().map(|(_, value)| value.into_owned());
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaited() -> Awaited {
        Awaited {
            authority: "127.0.0.1:5000".to_owned(),
            state: Once::new().ok().unwrap(),
            used: AtomicBool::new(false),
        }
    }

    fn get(target: &str, host: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nAccept: */*\r\nHost: {host}")
    }

    #[test]
    fn l1_only_the_awaited_state_makes_an_answer_and_only_once() {
        let awaited = awaited();
        let state = awaited.state.as_str().to_owned();
        let read = |query: &str| awaited.read(get(&format!("/callback?{query}"), "127.0.0.1:5000").as_bytes());
        for bad in [
            "code=c".to_owned(),
            "code=c&state=".to_owned(),
            "code=c&state=x".to_owned(),
            "error=access_denied".to_owned(),
            "error=access_denied&state=x".to_owned(),
            format!("state={state}"),
            format!("code=&state={state}"),
            format!("code=c&error=e&state={state}"),
            format!("code=c&state={state}&state={state}"),
            format!("code=c&code=d&state={state}"),
            format!("code=c&state={state}&iss=a&iss=b"),
        ] {
            assert_eq!(read(&bad).err(), Some(Page::Bad), "{bad}");
        }
        let good = format!("code=a%2Bb&state={state}&iss=https%3A%2F%2Fa.example");
        let answer = read(&good).ok().unwrap();
        assert_eq!(answer.code.ok().unwrap().as_str(), "a+b");
        assert_eq!(answer.issuer.as_deref(), Some("https://a.example"));
        assert_eq!(read(&good).err(), Some(Page::Bad), "a state is good once");
    }

    #[test]
    fn l5_a_foreign_host_another_path_or_method_is_no_answer() {
        let awaited = awaited();
        let target = format!("/callback?code=c&state={}", awaited.state.as_str());
        for host in [
            "evil.example",
            "127.0.0.1",
            "127.0.0.1:5001",
            "localhost:5000",
            "127.0.0.1:5000\r\nHost: evil.example",
            "",
        ] {
            assert_eq!(awaited.read(get(&target, host).as_bytes()).err(), Some(Page::Bad), "{host}");
        }
        let head = get(&target, "127.0.0.1:5000");
        assert_eq!(awaited.read(head.replace("GET", "POST").as_bytes()).err(), Some(Page::Method));
        assert_eq!(awaited.read(head.replace("/callback", "/callbackx").as_bytes()).err(), Some(Page::Nowhere));
        assert_eq!(
            awaited.read(head.replace("/callback", "http://127.0.0.1:5000/callback").as_bytes()).err(),
            Some(Page::Nowhere)
        );
        assert_eq!(awaited.read(head.replace("HTTP/1.1", "HTTP/0.9").as_bytes()).err(), Some(Page::Bad));
        assert_eq!(awaited.read(b"\xff").err(), Some(Page::Bad));
        assert_eq!(awaited.read(b"").err(), Some(Page::Bad));
        assert!(awaited.read(head.replace("Host", "hOsT").as_bytes()).is_ok());
    }

    /// Bytes of a request changed, cut and doubled at random, but the same in every run.
    #[test]
    fn l5_no_damaged_request_is_taken_for_the_answer_or_panics() {
        let awaited = awaited();
        let state = awaited.state.as_str();
        let good = get(&format!("/callback?code=c&state={state}&iss=https%3A%2F%2Fa.example"), "127.0.0.1:5000");
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % u64::try_from(below).unwrap()).unwrap()
        };
        let mut taken = 0;
        for _ in 0..20_000 {
            let mut head = good.clone().into_bytes();
            for _ in 0..=next(3) {
                let at = next(head.len());
                match next(4) {
                    0 => head[at] = u8::try_from(next(256)).unwrap(),
                    1 => head.truncate(at.max(1)),
                    2 => head.insert(at, b"&=?:% \r\n/\0"[next(10)]),
                    _ => head.extend_from_within(at..),
                }
            }
            awaited.used.store(false, Ordering::Release);
            if let Ok(answer) = awaited.read(&head) {
                taken += 1;
                assert!(answer.code.is_ok_and(|code| !code.is_empty()));
                assert!(String::from_utf8(head).unwrap().contains(state), "a state was made up");
            }
        }
        assert!(taken > 100, "the test is vacuous: {taken}");
    }

    #[test]
    fn l5_pages_reflect_nothing_and_run_nothing() {
        for page in [Page::Taken, Page::Bad, Page::Method, Page::Nowhere, Page::TooLarge] {
            let response = page.response();
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("default-src 'none'") && head.contains("referrer-policy: no-referrer"));
            assert!(head.ends_with(&format!("content-length: {}", body.len())));
        }
    }
}
