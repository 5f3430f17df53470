//! Sign-in by URL elicitation, against the real authorisation server, to the end: an agent's call names a page, a person reads
//! it, clicks, logs in, and the same call works. Before the click nothing starts, and the agent sees nothing of it after.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "tests may panic, say what they leave out, and prepare files; each part of what they share is used by some"
)]

#[path = "../../../host/gate/tests/oauth/browser.rs"]
mod browser;
mod clients;
#[path = "../../../host/gate/tests/oauth/real.rs"]
mod real;
mod refused;
mod ways;
#[path = "../../../host/gate/tests/oauth/wire.rs"]
mod wire;

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;

use browser::Browser;
use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Seen;
use hotcell_tests::Serving;
use hotcell_tests::Upstream;
use real::Real;
use serde_json::Value;
use serde_json::json;
use url::Url;
use wire::Fetched;
use wire::fetch;

const ASK: &str = "hostile_ask";
/// A client without a secret, by the browser or by a code.
const CLIENT: &str = "client_id = \"cli\"\ngrants = [\"authorization-code\", \"device\"]";

/// The authorisation server, the service whose tokens it gives, and a cell with a store and a tool that wants one.
struct Scene {
    server: Real,
    upstream: Upstream,
    cell: Cell,
}

impl Scene {
    /// `None` if the real servers are to be left out.
    async fn new(methods: &str, more: &str) -> Option<Self> {
        let scene = Self::without_store(methods, more, CLIENT).await?;
        // The store is made by a person, who chooses where its key is.
        scene.cell.sign_in("other", &["use"]);
        Some(scene)
    }

    /// The same with this client, before anybody has made a store.
    async fn without_store(methods: &str, more: &str, client: &str) -> Option<Self> {
        let server = Real::start()?;
        let upstream = Upstream::start(|_| Raw::ok("hello")).await;
        let cell = Cell::new("hc_");
        cell.config(&format!(
            "{more}\n[service.upstream]\norigins = [\"{}\"]\n\
             scopes = {{ use = [\"{methods} /api/**\"], write = [\"PUT /other/**\"] }}\n\
             [service.upstream.oauth]\nissuer = \"{}\"\n{client}\ndiscovery = true\n\
             always_scopes = [\"openid\", \"offline_access\"]\nauthorization_parameters = {{ prompt = \"consent\" }}\n\
             scopes = {{ use = [\"notes.read\"], write = [\"notes.write\"] }}\n\
             [service.other]\norigins = [\"https://other.example\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n",
            upstream.origin(),
            server.issuer
        ));
        cell.install("hostile");
        Some(Self { server, upstream, cell })
    }

    fn arguments(&self, method: &str) -> Value {
        json!({"method": method, "url": format!("{}/api/x", self.upstream.origin()), "headers": [], "body": null})
    }

    fn get(&self) -> Value {
        json!({"name": ASK, "arguments": self.arguments("get")})
    }

    /// A person: reads the page, clicks, logs in, and comes back. What came of it must be nowhere.
    async fn person(&self, page: &Url) {
        self.log_in(self.click(page).await).await;
    }

    /// A person who clicked goes on, logs in, and comes back.
    async fn log_in(&self, way: Url) {
        self.cell.watch(&of(&way, "state"));
        self.cell.watch(&of(&way, "code_challenge"));
        let callback = Browser::default().log_in(way).await;
        self.cell.watch(&of(&callback, "code"));
        assert_eq!(fetch(&callback, &[], None).await.unwrap().status, 200);
    }

    /// Reads the page and clicks; the way to the authorisation server.
    async fn click(&self, page: &Url) -> Url {
        let shown = fetch(page, &[], None).await.unwrap();
        assert_eq!(shown.status, 200, "{}", shown.body);
        self.clicked(page, &form(&shown)).await
    }

    /// Sends the page's form; the way to the authorisation server.
    async fn clicked(&self, page: &Url, form: &str) -> Url {
        let clicked = post(page, &[("origin", &origin(page)), ("sec-fetch-site", "same-origin")], form).await;
        assert_eq!(clicked.status, 200, "{}", clicked.body);
        let (_, rest) = clicked.body.split_once("content=\"0;url=").expect("no way on");
        let way = Url::parse(&rest.split('"').next().unwrap().replace("&amp;", "&")).unwrap();
        assert_eq!(way.origin(), Url::parse(&self.server.issuer).unwrap().origin());
        way
    }

    /// A person at the terminal: signs in for one scope, and types the client's secret, where it has one.
    async fn terminal(&self, scope: &str, secret: &str) {
        let args = ["auth", "signin", "upstream", "--scope", scope, "--no-browser"];
        let mut child = self.cell.command(&args).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{secret}").unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let way = lines.find_map(|line| Url::parse(line.unwrap().trim()).ok().filter(Url::has_host)).unwrap();
        self.log_in(way).await;
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        assert!(child.wait().unwrap().success(), "{rest:?}");
    }

    /// The token that the last request carried.
    fn watch_token(&self) {
        let seen: Vec<Seen> = self.upstream.seen();
        let token = seen.last().unwrap().header("authorization")[0].strip_prefix("Bearer ").unwrap().to_owned();
        self.cell.watch(&token);
    }
}

/// A field of an address's query.
#[track_caller]
fn of(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name}")).1.into_owned()
}

fn origin(page: &Url) -> String {
    page.origin().ascii_serialization()
}

fn form(shown: &Fetched) -> String {
    let (_, rest) = shown.body.split_once("name=\"token\" value=\"").expect("there is no form");
    format!("token={}", rest.split('"').next().unwrap())
}

async fn post(page: &Url, further: &[(&str, &str)], form: &str) -> Fetched {
    fetch(page, further, Some(form)).await.expect("nobody answers")
}

fn url() -> Value {
    json!({"elicitation": {"url": {}}})
}

/// The page that an answer of 2026-07-28 names, and its state.
#[track_caller]
fn asked(answer: &Value) -> (Url, String) {
    let result = &answer["result"];
    assert_eq!(result["resultType"], "input_required", "{answer}");
    let question = &result["inputRequests"]["sign-in"];
    assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
    let page = Url::parse(question["params"]["url"].as_str().unwrap()).unwrap();
    (page, result["requestState"].as_str().unwrap().to_owned())
}

fn again(mut call: Value, state: &str, action: &str) -> Value {
    call["requestState"] = json!(state);
    call["inputResponses"] = json!({"sign-in": {"action": action}});
    call
}

fn refusal(answer: &Value) -> &str {
    answer["result"]["_meta"]["hotcell/refusal"]["code"].as_str().unwrap_or_else(|| panic!("no refusal: {answer}"))
}

#[track_caller]
fn works(answer: &Value) {
    let said = answer["result"]["structuredContent"]["result"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert!(said.starts_with("200") && said.ends_with("hello"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_call_names_a_page_nothing_starts_before_the_click_and_the_retry_waits_and_works() {
    let Some(scene) = Scene::new("GET", "").await else { return };
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, state) = asked(&agent.ask("tools/call", scene.get()));
    let (same, _) = asked(&agent.ask("tools/call", scene.get()));
    assert_eq!(page, same, "a second page");
    assert_eq!(page.host_str(), Some("127.0.0.1"));

    let shown = fetch(&page, &[], None).await.unwrap();
    for told in ["hostile 0.1.0", "ask", "upstream", "use", &scene.server.issuer] {
        assert!(shown.body.contains(told), "no {told} in {}", shown.body);
    }
    let policy = shown.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && shown.header("cache-control") == Some("no-store"));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(scene.server.count("request"), 0, "something started before the click");

    // The client calls again at once, and waits while the person logs in.
    let waiting = agent.begin("tools/call", again(scene.get(), &state, "accept"));
    scene.person(&page).await;
    works(&agent.answer(waiting));
    scene.watch_token();
    assert!(scene.server.says("request", 3).await, "the test is vacuous");
    let used = fetch(&page, &[], None).await.unwrap();
    assert!(used.status == 200 && used.body.contains("You are signed in to upstream."), "{}", used.body);
    assert!(!used.body.contains("<form"), "the page is used: {}", used.body);
    works(&agent.ask("tools/call", scene.get()));
    // The state gives nothing: the call runs as any other does.
    works(&agent.ask("tools/call", again(scene.get(), &state, "accept")));
    let status = scene.cell.hotcell(&["auth", "status", "upstream", "--json"]).exits(0).json();
    assert_eq!((&status[0]["issuer"], &status[0]["scopes"]), (&json!(scene.server.issuer), &json!(["use"])));
    assert_eq!(agent.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_client_of_2025_11_25_gets_the_error_with_the_page_and_is_told_of_the_end() {
    let Some(scene) = Scene::new("GET", "").await else { return };
    let mut agent = Agent::start(&scene.cell, Revision::November2025, url());
    let answer = agent.ask("tools/call", scene.get());
    assert_eq!(answer["error"]["code"], -32042, "{answer}");
    let question = &answer["error"]["data"]["elicitations"][0];
    assert_eq!(question["mode"], "url");
    assert!(question["message"].as_str().unwrap().contains("upstream"));
    let page = Url::parse(question["url"].as_str().unwrap()).unwrap();
    assert!(!page.as_str().contains(question["elicitationId"].as_str().unwrap()), "the name opens nothing");
    scene.person(&page).await;
    let told = agent.message("notifications/elicitation/complete");
    assert_eq!(told["params"]["elicitationId"], question["elicitationId"]);
    works(&agent.ask("tools/call", scene.get()));
    scene.watch_token();
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_over_http_a_person_signs_in_by_the_page_in_both_revisions_that_have_it() {
    for revision in [Revision::November2025, Revision::July2026] {
        let Some(scene) = Scene::new("GET", "").await else { return };
        let server = Serving::start(&scene.cell, &[]);
        let open = (revision == Revision::November2025).then(|| server.open(revision, &url()));
        let ask = |call: Value| match &open {
            None => server.ask("tools/call", call, &url()).answer(),
            Some(session) => server
                .post(session, &json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call}))
                .answer(),
        };
        let answer = ask(scene.get());
        let (page, retry) = match revision {
            Revision::July2026 => {
                let (page, state) = asked(&answer);
                (page, again(scene.get(), &state, "accept"))
            }
            _ => {
                let page = answer["error"]["data"]["elicitations"][0]["url"].as_str().unwrap_or_default();
                (Url::parse(page).unwrap_or_else(|_| panic!("{answer}")), scene.get())
            }
        };
        assert_ne!(page.port(), Some(server.port), "the page is not where the agent is");
        assert_eq!(scene.server.count("request"), 0);
        scene.person(&page).await;
        let mut answer = ask(retry);
        // Without a wait of the server's, the token may still be on its way.
        for _ in 0..50 {
            if answer.get("error").is_none() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            answer = ask(scene.get());
        }
        works(&answer);
        scene.watch_token();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn j4_a_sign_in_is_no_approval_and_a_call_that_writes_is_asked_about_again() {
    let Some(scene) = Scene::new("GET,POST", "").await else { return };
    let mut agent = Agent::start(&scene.cell, Revision::July2026, json!({"elicitation": {"form": {}, "url": {}}}));
    let call = json!({"name": ASK, "arguments": scene.arguments("post")});
    let approve = |answer: &Value| {
        let mut call = call.clone();
        call["requestState"] = answer["result"]["requestState"].clone();
        call["inputResponses"] = json!({"approval": {"action": "accept", "content": {"approve": true}}});
        call
    };
    let first = agent.ask("tools/call", call.clone());
    assert!(first["result"]["inputRequests"]["approval"].is_object(), "{first}");
    let (page, state) = asked(&agent.ask("tools/call", approve(&first)));
    // The state of one question is no answer to the other.
    let mut swapped = approve(&first);
    swapped["requestState"] = json!(state);
    assert_eq!(refusal(&agent.ask("tools/call", swapped)), "not-approved");
    let waiting = agent.begin("tools/call", again(call.clone(), &state, "accept"));
    scene.person(&page).await;
    let second = agent.answer(waiting);
    assert!(second["result"]["inputRequests"]["approval"].is_object(), "it ran without a yes: {second}");
    assert!(scene.upstream.seen().is_empty());
    works(&agent.ask("tools/call", approve(&second)));
    scene.watch_token();
}
