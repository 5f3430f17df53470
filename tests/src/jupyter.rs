//! A Jupyter server: a real HTTP API that nobody here wrote, which demands `Authorization: token …`.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::programs;

/// A running server. It is stopped when dropped.
pub struct Jupyter {
    child: Child,
    port: u16,
    root: tempfile::TempDir,
}

/// A cold Python on a busy machine takes its time.
const WAIT: Duration = Duration::from_secs(60);

impl Jupyter {
    /// Starts a server that demands this token. `None` if the real servers were left out on purpose.
    pub async fn start(token: &str) -> Option<Self> {
        let python = programs::servers()?.join("python/bin/python");
        let root = tempfile::Builder::new().prefix("hotcell-jupyter-").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(root.path().join("server.log")).unwrap();
        let files = root.path().join("files");
        std::fs::create_dir(&files).unwrap();
        let mut command = Command::new(python);
        command
            .args(["-m", "jupyter_server", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"])
            .arg("--ServerApp.open_browser=False")
            .arg(format!("--ServerApp.port={port}"))
            .arg(format!("--ServerApp.root_dir={}", files.display()))
            // Not an argument: arguments can be read by every process of the machine.
            .env("JUPYTER_TOKEN", token)
            .env("HOME", root.path())
            .env("JUPYTER_PREFER_ENV_PATH", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let server = Self { child: command.spawn().unwrap(), port, root };
        server.wait().await;
        Some(server)
    }

    async fn wait(&self) {
        let started = Instant::now();
        while started.elapsed() < WAIT {
            if let Ok(head) = crate::upstream::get(self.port, "/api", &[]).await
                && head.starts_with("HTTP/1.1 200")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.root.path().join("server.log")).unwrap_or_default();
        panic!("the Jupyter server did not start in {WAIT:?}: {log}");
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder that it serves.
    pub fn files(&self) -> PathBuf {
        self.root.path().join("files")
    }

    /// Asks the server itself, around Hotcell: the whole response as text.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> String {
        crate::upstream::get(self.port, path, headers).await.unwrap()
    }
}

impl Drop for Jupyter {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
