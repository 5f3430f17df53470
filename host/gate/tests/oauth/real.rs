//! The real authorisation server: npm oidc-provider, as `cargo x test` brings it.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

/// A running server, ended when dropped.
pub(crate) struct Real {
    pub(crate) issuer: String,
    /// What it said since: `resource …`, `grant.revoked`.
    pub(crate) events: Arc<Mutex<Vec<String>>>,
    child: Child,
}

impl Real {
    /// Starts the server; `None` if it is to be left out.
    pub(crate) fn start() -> Option<Self> {
        Self::with_tokens_of(60)
    }

    /// As [`Real::start`], with access tokens that live for so many seconds.
    pub(crate) fn with_tokens_of(seconds: u64) -> Option<Self> {
        let servers = std::env::var("HOTCELL_SERVERS").expect("no HOTCELL_SERVERS: run cargo x test");
        if servers == "none" {
            eprintln!("left out: HOTCELL_SERVERS is none, there is no authorisation server");
            return None;
        }
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = own.ancestors().map(|folder| folder.join("tests/servers/node/as.mjs")).find(|path| path.is_file());
        let script = script.expect("the server's script is gone");
        let mut child = Command::new("node")
            .arg(script)
            .arg(Path::new(&servers).join("node"))
            .arg(seconds.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node does not start");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.next().expect("the server ends at once").unwrap();
        let port = ready.strip_prefix("ready ").expect("the server says something else first");
        let issuer = format!("http://127.0.0.1:{port}");
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().extend(line.strip_prefix("event ").map(str::to_owned));
            }
        });
        Some(Self { issuer, events, child })
    }

    /// Whether it has said this so often, or does within two seconds: what it says comes another way than its answers.
    pub(crate) async fn says(&self, event: &str, times: usize) -> bool {
        for _ in 0..100 {
            if self.count(event) >= times {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// How often it said this.
    pub(crate) fn count(&self, event: &str) -> usize {
        self.events.lock().unwrap().iter().filter(|known| *known == event).count()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
