//! Users over HTTP: who is let in, and that nobody's calls meet another's tokens, data or state.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    reason = "tests may panic, say what they leave out, prepare files and speak to loopback; each part of what they share is used by some"
)]

#[path = "../../../host/gate/tests/oauth/browser.rs"]
mod browser;
mod crossing;
mod issuer;
mod metadata;
mod pages;
mod real;
#[path = "../../../host/gate/tests/oauth/real.rs"]
mod real_server;
mod refused;
mod state;
#[path = "../../../host/gate/tests/oauth/wire.rs"]
mod wire;

use std::net::TcpListener;

use hotcell_tests::Agent;
use hotcell_tests::Canary;
use hotcell_tests::Cell;
use hotcell_tests::Got;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Seen;
use hotcell_tests::Serving;
use hotcell_tests::Upstream;
use issuer::Issuer;
use serde_json::Value;
use serde_json::json;

const ASK: &str = "hostile_ask";

/// An issuer, a service that says by whose token it was asked, and a cell whose operator has a token of their own.
struct Scene {
    issuer: Issuer,
    upstream: Upstream,
    cell: Cell,
    port: u16,
    alice: Canary,
    bob: Canary,
}

impl Scene {
    async fn new() -> Self {
        Self::with("GET", "").await
    }

    /// The service's methods, and more lines of `[serve.authorization]` and what follows.
    async fn with(methods: &str, more: &str) -> Self {
        let (issuer, cell) = (Issuer::start().await, Cell::new("hc_"));
        let [alice, bob] = ["al_", "bo_"].map(Canary::new);
        let known = [("alice", alice.clone()), ("bob", bob.clone()), ("operator", cell.canary().clone())];
        let upstream = Upstream::start(move |seen| {
            let shown = credential(seen);
            let whose =
                known.iter().find(|(_, canary)| shown == Some(canary.token())).map_or("nobody", |(name, _)| name);
            Raw::ok(format!("data of {whose} for {}", seen.line()))
        })
        .await;
        // Clients and issuer know the address before the server has it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        cell.config(&format!(
            "[serve.authorization]\nissuer = \"{}\"\nresource = \"http://127.0.0.1:{port}/mcp\"\n{more}\n\
             [service.upstream]\norigins = [\"{}\"]\nscopes = {{ use = [\"{methods} /api/**\"] }}\n",
            issuer.address(),
            upstream.origin()
        ));
        cell.sign_in("upstream", &["use"]);
        cell.install("hostile");
        for canary in [&alice, &bob] {
            cell.watch(canary.token());
        }
        Self { issuer, upstream, cell, port, alice, bob }
    }

    /// Alice and Bob have tokens of their own.
    fn sign_in_both(&self) {
        for (user, canary) in [("alice", &self.alice), ("bob", &self.bob)] {
            let args = ["auth", "set", "upstream", "--scope", "use", "--user", user];
            self.cell.hotcell_with(&args, &format!("{}\n", canary.token()), &[]).exits(0);
        }
    }

    fn serve(&self) -> Serving<'_> {
        Serving::start_at(&self.cell, &format!("127.0.0.1:{}", self.port), &[])
    }

    fn audience(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    fn claims(&self, user: &str) -> Value {
        self.issuer.claims(user, &self.audience())
    }

    /// A good token of a user. It must be nowhere.
    fn token(&self, user: &str) -> String {
        let token = self.issuer.key.sign(&self.issuer.key.header(), &self.claims(user));
        self.cell.watch(&token);
        token
    }

    /// A call that fetches a path with the caller's token.
    fn get(&self, path: &str) -> Value {
        self.call("get", path)
    }

    fn call(&self, method: &str, path: &str) -> Value {
        let url = format!("{}/api/{path}", self.upstream.origin());
        json!({"name": ASK, "arguments": {"method": method, "url": url, "headers": [], "body": null}})
    }
}

/// What a request carries as its token.
fn credential(seen: &Seen) -> Option<&str> {
    seen.header("authorization").first()?.strip_prefix("Bearer ")
}

fn said(answer: &Value) -> &str {
    answer["result"]["structuredContent"]["result"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

fn refusal(answer: &Value) -> &str {
    answer["result"]["_meta"]["hotcell/refusal"]["code"].as_str().unwrap_or_else(|| panic!("no refusal: {answer}"))
}

fn message(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// A call in the newest revision.
fn ask(server: &Serving<'_>, token: &str, call: Value) -> Value {
    server.ask_as(token, "tools/call", call, &json!({})).answer()
}
