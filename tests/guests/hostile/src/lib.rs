//! A guest that misbehaves in every way that the tests need.

wit_bindgen::generate!({ path: ["../../../wit", "wit"], world: "hotcell-tests:hostile/hostile", generate_all });

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::net::ToSocketAddrs as _;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hotcell::tool::http;
use hotcell::tool::log;
use hotcell::tool::progress;

struct Tool;
export!(Tool);

static COUNT: AtomicU32 = AtomicU32::new(0);

fn shown<T: Debug, E: Debug>(result: Result<T, E>) -> String {
    match result {
        Ok(value) => format!("got: {value:?}"),
        Err(error) => format!("failed: {error:?}"),
    }
}

fn request(method: &str, url: &str, headers: Vec<(String, String)>, body: Option<String>) -> http::Request {
    let method = match method {
        "head" => http::Method::Head,
        "post" => http::Method::Post,
        "put" => http::Method::Put,
        "patch" => http::Method::Patch,
        "delete" => http::Method::Delete,
        _ => http::Method::Get,
    };
    let headers = headers.into_iter().map(|(name, value)| http::Header { name, value }).collect();
    http::Request { method, url: url.to_owned(), headers, body: body.map(String::into_bytes) }
}

impl Guest for Tool {
    fn spin() {
        loop {
            std::hint::black_box(0);
        }
    }

    fn sleep(seconds: u32) {
        std::thread::sleep(Duration::from_secs(u64::from(seconds)));
    }

    fn grow() -> u64 {
        let mut kept: Vec<Vec<u8>> = Vec::new();
        loop {
            kept.push(vec![1; 1024 * 1024]);
            std::hint::black_box(&kept);
        }
    }

    fn recurse(depth: u64) -> u64 {
        if std::hint::black_box(depth) == u64::MAX { 0 } else { 1 + Self::recurse(depth.wrapping_add(1)) }
    }

    fn panic() {
        panic!("on purpose");
    }

    fn leave(status: bool) {
        std::process::exit(i32::from(status));
    }

    fn big_result(mebibytes: u32) -> String {
        "x".repeat(usize::try_from(mebibytes).unwrap_or(usize::MAX) * 1024 * 1024)
    }

    fn flood_log(lines: u32) {
        for number in 0..lines {
            log::write(log::Level::Info, &format!("line {number}"));
        }
    }

    fn flood_output(mebibytes: u32) {
        let block = [b'x'; 1024];
        for _ in 0..mebibytes * 1024 {
            if std::io::stdout().write_all(&block).is_err() {
                return;
            }
        }
    }

    fn flood_progress(reports: u32) {
        for number in 0..reports {
            progress::report(u64::from(number), None, Some("on the way"));
        }
    }

    fn connect(address: String) -> String {
        shown(TcpStream::connect(&address))
    }

    fn look_up(name: String) -> String {
        shown((name.as_str(), 443).to_socket_addrs().map(Iterator::collect::<Vec<_>>))
    }

    fn read_file(path: String) -> String {
        shown(std::fs::read_to_string(path))
    }

    fn surroundings() -> String {
        let mut input = String::new();
        let read = std::io::stdin().read_to_string(&mut input);
        let environment: Vec<_> = std::env::vars().collect();
        let arguments: Vec<_> = std::env::args().collect();
        let root: Option<usize> = std::fs::read_dir("/").ok().map(Iterator::count);
        format!("{environment:?} {arguments:?} {root:?} {input:?} {}", read.is_ok())
    }

    fn count() -> u32 {
        COUNT.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn ask(
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        body: Option<String>,
    ) -> Result<String, String> {
        let response = http::send(&request(&method, &url, headers, body)).map_err(|error| format!("{error:?}"))?;
        let headers: Vec<_> = response.headers.iter().map(|h| format!("{}: {}", h.name, h.value)).collect();
        Ok(format!("{}\n{}\n\n{}", response.status, headers.join("\n"), String::from_utf8_lossy(&response.body)))
    }

    fn ask_often(url: String, times: u32) -> Vec<(String, u32)> {
        let mut counts = BTreeMap::new();
        for _ in 0..times {
            let name = match http::send(&request("get", &url, Vec::new(), None)) {
                Ok(response) => response.status.to_string(),
                Err(error) => format!("{error:?}"),
            };
            *counts.entry(name).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    fn ask_joined(url: String, parts: Vec<String>) -> Result<String, String> {
        let body: String = parts.iter().rev().map(String::as_str).collect();
        Self::ask("post".to_owned(), url, Vec::new(), Some(body))
    }

    fn fail(text: String) -> Result<String, String> {
        Err(text)
    }

    fn say(text: String) -> String {
        log::write(log::Level::Info, &text);
        println!("{text}");
        eprintln!("{text}");
        progress::report(1, Some(2), Some(&text));
        text
    }

    fn fine() -> String {
        "fine".to_owned()
    }
}
