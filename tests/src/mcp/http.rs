//! A client that speaks raw HTTP to `hotcell serve --http`.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Child;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Revision;
use super::proxy;
use super::request;
use crate::cell::Cell;

/// A running HTTP server.
pub struct Serving<'a> {
    cell: &'a Cell,
    child: Child,
    log: Arc<Mutex<String>>,
    /// Where it listens.
    pub port: u16,
    /// Its bearer token; empty where it was shown at an earlier start.
    pub token: String,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Got {
    /// The status.
    pub status: u16,
    /// Status line and header fields.
    pub head: String,
    /// The body, chunks not yet joined.
    pub body: String,
}

impl Got {
    /// The JSON-RPC message in the body that answers something: plain, or as an event.
    #[track_caller]
    pub fn answer(&self) -> Value {
        self.messages().into_iter().find(|message| message.get("id").is_some()).unwrap_or_else(|| panic!("{self:?}"))
    }

    /// All JSON-RPC messages in the body.
    pub fn messages(&self) -> Vec<Value> {
        let texts = self.body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
        texts.filter(|text| text.starts_with('{')).filter_map(|text| serde_json::from_str(text).ok()).collect()
    }

    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl<'a> Serving<'a> {
    /// Starts a server on a free port, and waits until it listens.
    pub fn start(cell: &'a Cell, options: &[&str]) -> Self {
        Self::start_at(cell, "127.0.0.1:0", options)
    }

    /// As [`Serving::start`], at an address that clients know before.
    pub fn start_at(cell: &'a Cell, address: &str, options: &[&str]) -> Self {
        let mut child = cell.command(&[&["serve", "--http", address], options].concat()).spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let (port, token) = read_start(child.stderr.take().unwrap(), &log);
        Self { cell, child, log, port, token }
    }

    /// Sends one HTTP request of these lines and this body, on a connection of its own.
    pub fn send(&self, lines: &[&str], body: &str) -> Got {
        let head = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        let whole = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        // What a client shows to be let in is its own to say.
        let said: String =
            whole.lines().filter(|line| !line.starts_with("Authorization:")).map(|line| format!("{line}\n")).collect();
        self.cell.sinks.keep("what an agent said over HTTP", said);
        let mut stream = self.connect();
        // A server that refuses by the head alone may close before it has read the body.
        drop(stream.write_all(whole.as_bytes()));
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes));
        self.cell.sinks.keep("what an agent got over HTTP", bytes.clone());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Got { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A connection, for what no well-behaved client does.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// The lines of a well-behaved request.
    pub fn lines(&self, further: &[String]) -> Vec<String> {
        self.lines_as(&self.token, further)
    }

    /// As [`Serving::lines`], with another token.
    pub fn lines_as(&self, token: &str, further: &[String]) -> Vec<String> {
        let mut lines = vec![
            "POST /mcp HTTP/1.1".to_owned(),
            format!("Host: 127.0.0.1:{}", self.port),
            format!("Authorization: Bearer {token}"),
            "Content-Type: application/json".to_owned(),
            "Accept: application/json, text/event-stream".to_owned(),
        ];
        lines.extend_from_slice(further);
        lines
    }

    /// Posts a message with these further header fields.
    pub fn post(&self, further: &[String], message: &Value) -> Got {
        self.post_as(&self.token, further, message)
    }

    /// As [`Serving::post`], with another token.
    pub fn post_as(&self, token: &str, further: &[String], message: &Value) -> Got {
        let lines = self.lines_as(token, further);
        self.send(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &message.to_string())
    }

    /// A request of the newest revision, which needs nothing before it.
    pub fn ask(&self, method: &str, params: Value, capabilities: &Value) -> Got {
        self.ask_as(&self.token, method, params, capabilities)
    }

    /// As [`Serving::ask`], with another token.
    pub fn ask_as(&self, token: &str, method: &str, params: Value, capabilities: &Value) -> Got {
        let name = params["name"].as_str().map(|name| format!("Mcp-Name: {name}"));
        let mut further =
            vec![format!("MCP-Protocol-Version: {}", Revision::July2026.text()), format!("Mcp-Method: {method}")];
        further.extend(name);
        self.post_as(token, &further, &request(1, method, &Revision::July2026.with_meta(params, capabilities)))
    }

    /// Opens a session of an older revision; gives the header fields of its further requests.
    pub fn open(&self, revision: Revision, capabilities: &Value) -> Vec<String> {
        self.open_as(&self.token, revision, capabilities)
    }

    /// As [`Serving::open`], with another token.
    pub fn open_as(&self, token: &str, revision: Revision, capabilities: &Value) -> Vec<String> {
        let got = self.post_as(token, &[], &request(1, "initialize", &revision.initialize(capabilities)));
        assert_eq!(got.status, 200, "{got:?}");
        let session = got.header("mcp-session-id").unwrap_or_else(|| panic!("no session: {got:?}"));
        let fields = vec![format!("Mcp-Session-Id: {session}"), format!("MCP-Protocol-Version: {}", revision.text())];
        let told = self.post_as(token, &fields, &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert_eq!(told.status, 202, "{told:?}");
        fields
    }

    /// The URL of something that adds the token, for clients that cannot be told one.
    pub fn with_token_added(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", proxy::start(self.port, &self.token))
    }

    /// The process's id, for signals.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, and gives the exit code.
    pub fn wait(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

/// Reads standard error until the server says where it listens; the rest goes on into the log.
fn read_start(stderr: impl std::io::Read + Send + 'static, log: &Arc<Mutex<String>>) -> (u16, String) {
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let mut token = String::new();
    let port = loop {
        let line = lines.next().unwrap_or_else(|| panic!("it does not listen: {}", log.lock().unwrap()));
        log.lock().unwrap().push_str(&format!("{line}\n"));
        if let Some(shown) = line.trim().strip_prefix("hcs_") {
            token = format!("hcs_{shown}");
        }
        if let Some(rest) = line.split("http://127.0.0.1:").nth(1).filter(|_| line.contains("listening at")) {
            break rest.trim_end_matches("/mcp").parse().unwrap();
        }
    };
    let log = Arc::clone(log);
    std::thread::spawn(move || lines.for_each(|line| log.lock().unwrap().push_str(&format!("{line}\n"))));
    (port, token)
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        std::thread::sleep(Duration::from_millis(50));
        self.cell.sinks.keep("the log of hotcell serve --http", self.log.lock().unwrap().clone());
    }
}
