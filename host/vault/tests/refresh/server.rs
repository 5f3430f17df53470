//! An authorisation server: rotates refresh tokens, and ends a sign-in whose used token comes again.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use std::time::Instant;

use hotcell_vault::NewToken;
use hotcell_vault::RefreshError;

use crate::secret;

/// What a server does with a refresh token that was used before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// The sign-in is over (RFC 9700 §4.14.2).
    EndsFamily,
    /// The one before the last gives the last once more, as Supabase does; an older one ends the sign-in.
    ParentAllowed,
}

pub struct State {
    reuse: Reuse,
    pub life: Duration,
    /// Bytes added to each token: to fill disks.
    pub padding: usize,
    families: Vec<Family>,
    /// Refresh token to family and number in it.
    refresh: HashMap<String, (usize, u32)>,
    access: HashMap<String, (usize, Instant)>,
    pub requests: u32,
    /// How many rotations its users wait for.
    pub wanted: u32,
    pub rotations: u32,
    pub ended: u32,
    pub revoked: Vec<String>,
    /// The least time between two rotations of one family.
    pub closest: Option<Duration>,
}

struct Family {
    number: u32,
    over: bool,
    rotated: Instant,
}

#[derive(Clone)]
pub struct Server(Arc<Mutex<State>>);

impl Server {
    pub fn new(reuse: Reuse, life: Duration) -> Self {
        Self(Arc::new(Mutex::new(State {
            reuse,
            life,
            padding: 0,
            families: Vec::new(),
            refresh: HashMap::new(),
            access: HashMap::new(),
            requests: 0,
            wanted: 0,
            rotations: 0,
            ended: 0,
            revoked: Vec::new(),
            closest: None,
        })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A new sign-in.
    pub fn sign_in(&self) -> NewToken {
        let mut state = self.state();
        state.families.push(Family { number: 0, over: false, rotated: Instant::now() });
        let family = state.families.len() - 1;
        parse(&state.give(family)).unwrap()
    }

    /// A refresh, as [`parse`] reads it.
    pub fn refresh(&self, token: &str) -> String {
        self.state().answer(token)
    }

    /// Whether a resource server would take this access token now.
    pub fn takes(&self, access: &str) -> bool {
        let state = self.state();
        let Some((family, issued)) = state.access.get(access) else { return false };
        !state.families[*family].over && issued.elapsed() < state.life
    }

    pub fn revoke(&self, access: &str) {
        self.state().revoked.push(access.to_owned());
    }

    /// Answers on a port of this machine, for other processes.
    pub fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = self.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || server.serve(connection));
            }
        });
        address
    }

    fn serve(&self, mut connection: TcpStream) {
        let mut line = String::new();
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        if reader.read_line(&mut line).is_err() {
            return;
        }
        let answer = match line.trim_end().split_once(' ') {
            Some(("refresh", token)) => self.refresh(token),
            Some(("takes", access)) => self.takes(access).to_string(),
            None => {
                let state = self.state();
                (state.rotations < state.wanted).to_string()
            }
            Some(_) => String::new(),
        };
        // The client may have been killed.
        drop(writeln!(connection, "{answer}"));
    }
}

impl State {
    fn give(&mut self, family: usize) -> String {
        let number = self.families[family].number;
        let padding = "x".repeat(self.padding);
        let (access, refresh) = (format!("at-{family}-{number}-{padding}"), format!("rt-{family}-{number}-{padding}"));
        self.access.insert(access.clone(), (family, Instant::now()));
        self.refresh.insert(refresh.clone(), (family, number));
        format!("ok {access} {refresh} {}", self.life.as_millis())
    }

    fn answer(&mut self, token: &str) -> String {
        self.requests += 1;
        let Some(&(family, number)) = self.refresh.get(token) else { return "rejected".into() };
        let Family { number: last, over, rotated } = self.families[family];
        if over {
            return "rejected".into();
        }
        if number == last {
            let since = rotated.elapsed();
            self.closest = Some(self.closest.map_or(since, |closest| closest.min(since)));
            self.families[family] = Family { number: number + 1, over, rotated: Instant::now() };
            self.rotations += 1;
            return self.give(family);
        }
        if self.reuse == Reuse::ParentAllowed && number + 1 == last {
            return self.give(family);
        }
        self.families[family].over = true;
        self.ended += 1;
        "rejected".into()
    }
}

/// Reads an answer of the server.
pub fn parse(answer: &str) -> Result<NewToken, RefreshError> {
    let parts: Vec<&str> = answer.split_whitespace().collect();
    match parts[..] {
        ["ok", access, refresh, life] => Ok(NewToken {
            refresh: Some(secret(refresh)),
            expires_in: Some(Duration::from_millis(life.parse().unwrap())),
            ..NewToken::of(secret(access))
        }),
        ["rejected"] => Err(RefreshError::Rejected),
        _ => Err(RefreshError::Transient { retry_after: None }),
    }
}

/// Asks a server in another process.
pub fn ask(server: SocketAddr, question: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(server)?;
    writeln!(connection, "{question}")?;
    let mut answer = String::new();
    BufReader::new(connection).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}
