//! Something that adds the bearer token to each request: for clients that cannot be told one.

use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::thread;

/// Starts it before a server; gives its port. It ends with the process.
pub(super) fn start(to: u16, token: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let token = token.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let token = token.clone();
            thread::spawn(move || drop(pass(stream, own, to, &token)));
        }
    });
    own
}

/// Passes one request on, under the server's own port where it named this one's, and the answer back.
fn pass(mut client: TcpStream, own: u16, to: u16, token: &str) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut piece = [0; 4096];
        match client.read(&mut piece)? {
            0 => return Ok(()),
            length => bytes.extend_from_slice(&piece[..length]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).replace(&format!(":{own}"), &format!(":{to}"));
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut head: String = kept.map(|line| format!("{line}\r\n")).collect();
    head.push_str(&format!("Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"));
    let mut server = TcpStream::connect(("127.0.0.1", to))?;
    server.write_all(head.as_bytes())?;
    server.write_all(&bytes[end + 4..])?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        drop(std::io::copy(&mut from_client, &mut to_server));
        drop(to_server.shutdown(Shutdown::Both));
    });
    drop(std::io::copy(&mut server, &mut client));
    client.shutdown(Shutdown::Both)
}
