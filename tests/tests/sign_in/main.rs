//! Signing in by the command line, against the real authorisation server, to the end: a tool works with the token that came
//! of it, the token is refreshed, refused, revoked, and shows nowhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    dead_code,
    reason = "tests may panic, say what they leave out, and prepare files; each part of what they share is used by some"
)]

#[path = "../../../host/gate/tests/oauth/browser.rs"]
mod browser;
#[path = "../../../host/gate/tests/oauth/real.rs"]
mod real;
#[path = "../../../host/gate/tests/oauth/wire.rs"]
mod wire;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read as _;
use std::process::Child;
use std::process::Output;
use std::sync::mpsc;
use std::time::Duration;

use browser::Browser;
use hotcell_tests::Cell;
use hotcell_tests::Ran;
use hotcell_tests::Raw;
use hotcell_tests::Seen;
use hotcell_tests::Upstream;
use real::Real;
use serde_json::json;
use url::Url;

/// The service `upstream`, whose tokens the server gives.
fn config(upstream: &Upstream, server: &Real, more: &str) -> String {
    format!(
        "[service.upstream]\norigins = [\"{}\"]\nscopes = {{ use = [\"GET,POST /api/**\"] }}\n\
         [service.upstream.oauth]\nissuer = \"{}\"\nclient_id = \"cli\"\ndiscovery = true\n\
         grants = [\"authorization-code\", \"device\"]\nalways_scopes = [\"openid\", \"offline_access\"]\n\
         authorization_parameters = {{ prompt = \"consent\" }}\nscopes = {{ use = [\"notes.read\"] }}\n{more}",
        upstream.origin(),
        server.issuer
    )
}

/// A command that waits for a person.
struct Waiting<'a> {
    cell: &'a Cell,
    args: Vec<&'a str>,
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: String,
}

impl<'a> Waiting<'a> {
    fn start(cell: &'a Cell, args: &[&'a str]) -> Self {
        let mut child = cell.command(args).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { cell, args: args.to_vec(), child, lines, seen: String::new() }
    }

    /// Waits for a line that holds an address which starts so.
    fn address(&mut self, start: &str) -> Url {
        loop {
            let line = self
                .lines
                .recv_timeout(Duration::from_secs(20))
                .unwrap_or_else(|_| panic!("no {start} in: {}", self.seen));
            self.seen.push_str(&line);
            self.seen.push('\n');
            let word = line.split_whitespace().find(|word| word.trim_end_matches(',').starts_with(start));
            if let Some(word) = word {
                return Url::parse(word.trim_end_matches(',')).unwrap();
            }
        }
    }

    /// Waits for the next line that is a code of eight letters, as the server makes them.
    fn code(&mut self) -> String {
        loop {
            let line = self
                .lines
                .recv_timeout(Duration::from_secs(20))
                .unwrap_or_else(|_| panic!("no code in: {}", self.seen));
            self.seen.push_str(&line);
            self.seen.push('\n');
            let code = line.trim();
            if code.len() == 9 && code.as_bytes()[4] == b'-' {
                return code.to_owned();
            }
        }
    }

    fn end(mut self) -> Ran {
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        self.cell.keep(&self.args, Output { status, stdout, stderr: self.seen.into_bytes() })
    }
}

/// The token that a request carried.
fn token(seen: &Seen) -> String {
    seen.header("authorization")[0].strip_prefix("Bearer ").unwrap().to_owned()
}

fn ask(cell: &Cell, upstream: &Upstream, path: &str) -> Ran {
    let url = format!("{}{path}", upstream.origin());
    let arguments = json!({"method": "get", "url": url, "headers": [], "body": null}).to_string();
    cell.hotcell_with(&["call", "hostile", "ask", "--json", "-"], &arguments, &[])
}

const SIGNIN: [&str; 5] = ["auth", "signin", "upstream", "--no-browser", "--store=key-file"];

async fn sign_in_by_browser(cell: &Cell, server: &Real) -> Ran {
    let mut waiting = Waiting::start(cell, &SIGNIN);
    let callback = Browser::default().log_in(waiting.address(&server.issuer)).await;
    let page = wire::fetch(&callback, &[], None).await.unwrap();
    assert_eq!(page.status, 200);
    waiting.end()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_in_the_browser_a_tool_works_the_token_is_refreshed_and_revoked() {
    let cell = Cell::new("unused_");
    let Some(server) = Real::start() else { return };
    let upstream = Upstream::start(|_| Raw::ok("hello")).await;
    cell.config(&config(&upstream, &server, ""));
    cell.install("hostile");
    ask(&cell, &upstream, "/api/x").exits(4).says("needs-login").says("hotcell auth signin upstream");

    sign_in_by_browser(&cell, &server).await.exits(0).says("signing in to upstream for: use").says("is stored");
    ask(&cell, &upstream, "/api/x").exits(0);
    let first = token(&upstream.seen()[0]);
    cell.watch(&first);

    let status = cell.hotcell(&["auth", "status", "upstream", "--json", "--check"]).exits(0).json();
    assert_eq!(status[0]["issuer"], server.issuer);
    assert_eq!((&status[0]["refreshable"], &status[0]["scopes"]), (&json!(true), &json!(["use"])));
    assert_eq!(status[0]["enforced_by"], json!({"use": "both"}));
    assert_eq!(status[0]["tools"], json!(["hostile"]));

    cell.hotcell(&["auth", "refresh", "upstream"]).exits(0);
    ask(&cell, &upstream, "/api/x").exits(0);
    let second = token(&upstream.seen()[1]);
    cell.watch(&second);
    assert_ne!(first, second, "the token was not refreshed");

    cell.hotcell(&["auth", "logout", "upstream"]).exits(0).says("the server has revoked it");
    ask(&cell, &upstream, "/api/x").exits(4).says("needs-login");
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_a_code_on_another_device() {
    let cell = Cell::new("unused_");
    let Some(server) = Real::start() else { return };
    let upstream = Upstream::start(|_| Raw::ok("hello")).await;
    cell.config(&config(&upstream, &server, ""));
    cell.install("hostile");
    let mut waiting =
        Waiting::start(&cell, &["auth", "signin", "upstream", "--device", "--store=key-file", "--account=work"]);
    let address = waiting.address(&server.issuer);
    let code = waiting.code();
    let complete = Url::parse(&format!("{address}?user_code={code}")).unwrap();
    Browser::default().confirm(complete, &code).await;
    waiting.end().exits(0).says("If you did not start this yourself").says("account work");
    ask(&cell, &upstream, "/api/x").exits(0);
    cell.watch(&token(&upstream.seen()[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn j8_j9_a_token_that_the_service_refuses_is_refreshed_once_and_the_request_sent_again() {
    let cell = Cell::new("unused_");
    let Some(server) = Real::start() else { return };
    let refused = std::sync::Mutex::new(None);
    // Takes no token that it saw first; under /api/never it takes none at all.
    let upstream = Upstream::start(move |seen| {
        let token = token(seen);
        let mut refused = refused.lock().unwrap();
        if seen.line().contains("/api/never") || *refused.get_or_insert_with(|| token.clone()) == token {
            return Raw::answer("401 Unauthorized", &["WWW-Authenticate: Bearer error=\"invalid_token\""], "no");
        }
        Raw::ok("hello")
    })
    .await;
    cell.config(&config(&upstream, &server, ""));
    cell.install("hostile");
    sign_in_by_browser(&cell, &server).await.exits(0);
    assert!(ask(&cell, &upstream, "/api/x").exits(0).stdout.contains("hello"));
    let seen = upstream.seen();
    assert_eq!(seen.len(), 2, "the request was not sent again");
    let tokens: Vec<_> = seen.iter().map(token).collect();
    assert_ne!(tokens[0], tokens[1]);
    tokens.iter().for_each(|token| cell.watch(token));

    // A server that says 401 for ever costs one refresh, however often the tool asks.
    let url = format!("{}/api/never", upstream.origin());
    let often = json!({"url": url, "times": 10}).to_string();
    let counts = cell.hotcell(&["call", "hostile", "ask-often", "--json", &often]).exits(0).json();
    assert_eq!(counts, json!([["401", 10]]));
    let tokens: std::collections::BTreeSet<_> = upstream.seen().iter().skip(2).map(token).collect();
    assert!(tokens.len() <= 2, "{} tokens for one server that says no", tokens.len());
    tokens.iter().for_each(|token| cell.watch(token));
}

/// Sixteen processes find the token expired at the same moment, again and again. A second request with the same refresh token
/// would make this server end the whole family.
#[tokio::test(flavor = "multi_thread")]
async fn m2_sixteen_processes_refresh_a_token_once_each_time_it_expires() {
    const PROCESSES: usize = 16;
    const EXPIRIES: usize = 50;
    let cell = Cell::new("unused_");
    let Some(server) = Real::with_tokens_of(2) else { return };
    let upstream = Upstream::start(|_| Raw::ok("hello")).await;
    cell.config(&config(&upstream, &server, ""));
    cell.install("hostile");
    sign_in_by_browser(&cell, &server).await.exits(0);
    let url = format!("{}/api/x", upstream.origin());
    let arguments = json!({"url": url, "times": 1}).to_string();
    for expiry in 1..=EXPIRIES {
        // Past its end, and past the moment at which another one would be refreshed early.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let call = ["call", "hostile", "ask-often", "--json", &arguments];
        let children: Vec<_> = (0..PROCESSES).map(|_| cell.command(&call).spawn().unwrap()).collect();
        for child in children {
            let ran = cell.keep(&call, child.wait_with_output().unwrap()).exits(0);
            assert_eq!(ran.json(), json!([["200", 1]]), "{ran:?}");
        }
        assert!(server.says("refreshed", expiry).await, "nobody refreshed at expiry {expiry}");
        assert_eq!(server.count("refreshed"), expiry, "more than one refresh at one expiry");
    }
    assert_eq!(server.count("grant.revoked"), 0, "a refresh token was used twice");
    let tokens: std::collections::BTreeSet<_> = upstream.seen().iter().map(token).collect();
    assert_eq!((tokens.len(), upstream.seen().len()), (EXPIRIES, PROCESSES * EXPIRIES));
    tokens.iter().for_each(|token| cell.watch(token));
}

#[test]
fn the_kernels_keyring_keeps_the_key_where_it_is_asked_for() {
    let cell = Cell::new("ghp_");
    cell.config("[service.github]\norigins = [\"https://api.github.com\"]\n");
    let set = ["auth", "set", "github", "--store", "kernel-keyring"];
    let ran = cell.hotcell_with(&set, cell.canary().token(), &[]);
    // Some containers forbid it: then that is said, and nothing is made.
    if ran.code == 7 {
        println!("left out: this machine has no kernel keyring for us");
        assert!(!cell.places().state.join("auth/store.json.enc").exists());
        return;
    }
    ran.exits(0).says("forgets at a restart");
    assert_eq!(cell.hotcell(&["auth", "status", "--json"]).exits(0).json()[0]["backend"], "kernel-keyring");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_to_the_listener_does_not_end_the_wait_and_ctrl_c_changes_nothing() {
    let cell = Cell::new("unused_");
    let Some(server) = Real::start() else { return };
    let upstream = Upstream::start(|_| Raw::ok("hello")).await;
    cell.config(&config(&upstream, &server, ""));
    cell.install("hostile");
    let mut waiting = Waiting::start(&cell, &SIGNIN);
    let authorization = waiting.address(&server.issuer);
    let redirect = authorization.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    let forged = Url::parse(&format!("{redirect}?code=stolen&state=forged")).unwrap();
    assert!(wire::fetch(&forged, &[], None).await.unwrap().status >= 400);
    let denied = Url::parse(&format!("{redirect}?error=access_denied")).unwrap();
    assert!(wire::fetch(&denied, &[], None).await.unwrap().status >= 400);
    let callback = Browser::default().log_in(authorization).await;
    assert_eq!(wire::fetch(&callback, &[], None).await.unwrap().status, 200);
    waiting.end().exits(0);
    ask(&cell, &upstream, "/api/x").exits(0);
    cell.watch(&token(&upstream.seen()[0]));

    let mut waiting = Waiting::start(&cell, &SIGNIN);
    waiting.address(&server.issuer);
    let id = waiting.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    waiting.end().exits(4).says("the sign-in was stopped");
    ask(&cell, &upstream, "/api/x").exits(0);
    assert_eq!(token(&upstream.seen()[0]), token(&upstream.seen()[1]), "the record changed");
}

#[test]
fn services_and_presets_are_listed_and_explained() {
    let cell = Cell::new("unused_");
    cell.config("[service.supabase]\npreset = \"supabase\"\n");
    let listed = cell.hotcell(&["auth", "services"]).exits(0).stdout;
    for name in ["github", "gitlab", "google", "slack", "notion", "supabase", "oidc"] {
        assert!(listed.contains(name), "no {name} in {listed}");
    }
    let explained = cell.hotcell(&["auth", "services", "supabase"]).exits(0);
    assert!(explained.stdout.contains("/auth/v1/**") && explained.stdout.contains("Hotcell alone"), "{explained:?}");
    explained.says("`origins` is to be written by you");
    let github = cell.hotcell(&["auth", "services", "github", "--json"]).exits(0).json();
    assert_eq!(github["presets"][0]["name"], "github");
    cell.hotcell(&["auth", "services", "nobody"]).exits(6).says("not set up");
    cell.hotcell(&["auth", "signin", "github"]).exits(6).says("preset = \"github\"");
    cell.hotcell(&["auth", "signin", "supabase", "--scope", "db:read"]).exits(6).says("origins");
    cell.config("[service.own]\norigins = [\"https://own.example\"]\n");
    cell.hotcell(&["auth", "set", "own", "--basic", "ada", "--store=key-file"]).exits(6).says("prefix = \"Basic \"");
}

#[test]
fn the_doctor_says_what_stands_and_what_does_not() {
    let cell = Cell::new("unused_");
    cell.config("");
    let findings = cell.hotcell(&["doctor", "--json"]).exits(0).json();
    let found = |what: &str| {
        let finding = findings.as_array().unwrap().iter().find(|finding| finding["what"] == what);
        finding.unwrap_or_else(|| panic!("nothing on {what}"))["found"].as_str().unwrap().to_owned()
    };
    assert!(found("second wall").contains("processes of their own"));
    assert!(found("credential store").contains("none yet"));
    cell.config("[limits]\nmemory_mib = 0\n");
    cell.hotcell(&["doctor"]).exits(7);
}

#[test]
fn a_user_and_a_password_become_a_basic_credential() {
    let cell = Cell::new("pw_");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let upstream = runtime.block_on(Upstream::start(|_| Raw::ok("hello")));
    cell.config(&format!(
        "[service.upstream]\norigins = [\"{}\"]\ncredential = {{ header = \"authorization\", prefix = \"Basic \" }}\n\
         scopes = {{ use = [\"GET /api/**\"] }}\n",
        upstream.origin()
    ));
    cell.install("hostile");
    let set = ["auth", "set", "upstream", "--basic", "ada", "--scope", "use", "--store=key-file"];
    cell.hotcell_with(&set, cell.canary().token(), &[]).exits(0);
    ask(&cell, &upstream, "/api/x").exits(0);
    use base64::Engine as _;
    let expected = base64::engine::general_purpose::STANDARD.encode(format!("ada:{}", cell.canary().token()));
    assert_eq!(upstream.seen()[0].header("authorization"), [format!("Basic {expected}")]);
}
