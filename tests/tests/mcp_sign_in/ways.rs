//! The other ways by the page: for more scopes than are held, by a device code, with a client's secret from the store, and
//! before there is a store.

use std::time::Duration;

use hotcell_tests::Agent;
use hotcell_tests::Revision;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::Browser;
use crate::CLIENT;
use crate::Scene;
use crate::again;
use crate::asked;
use crate::fetch;
use crate::form;
use crate::of;
use crate::origin;
use crate::post;
use crate::refusal;
use crate::url;
use crate::works;

const DEVICE: &str = "client_id = \"cli\"\ngrants = [\"device\"]";
const WITH_SECRET: &str =
    "client_id = \"cli-with-secret\"\nclient_authentication = \"basic\"\ngrants = [\"authorization-code\", \"device\"]";
const SECRET: &str = "client:secret+of/the=tests";

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_token_that_lacks_a_granted_scope_leads_to_a_page_that_asks_for_both_and_marks_what_is_new() {
    let Some(scene) = Scene::new("GET", "").await else { return };
    scene.cell.sign_in("upstream", &["write"]);
    let text = Agent::start(&scene.cell, Revision::July2026, json!({})).ask("tools/call", scene.get());
    assert_eq!(refusal(&text), "insufficient-scope");
    assert!(text["result"]["content"].to_string().contains("hotcell auth signin upstream"), "{text}");

    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    // What the action was not granted is no reason for a sign-in.
    let mut foreign = scene.get();
    foreign["arguments"] =
        json!({"method": "put", "url": format!("{}/other/x", scene.upstream.origin()), "headers": []});
    assert_eq!(refusal(&agent.ask("tools/call", foreign)), "insufficient-scope");

    let (page, state) = asked(&agent.ask("tools/call", scene.get()));
    let shown = fetch(&page, &[], None).await.unwrap();
    assert!(shown.body.contains("<dd>use <strong>(new)</strong>, write</dd>"), "{}", shown.body);
    assert!(shown.body.contains("takes the place of the one that is stored"), "{}", shown.body);
    let way = scene.click(&page).await;
    let scope = of(&way, "scope");
    assert!(scope.contains("notes.read") && scope.contains("notes.write"), "{scope}");
    let waiting = agent.begin("tools/call", again(scene.get(), &state, "accept"));
    scene.log_in(way).await;
    works(&agent.answer(waiting));
    scene.watch_token();
    let status = scene.cell.hotcell(&["auth", "status", "upstream", "--json"]).exits(0).json();
    assert_eq!(status[0]["scopes"], json!(["use", "write"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_the_server_just_declined_is_said_and_not_asked_for_again_at_once() {
    let Some(scene) = Scene::new("GET", "").await else { return };
    // A scope that the server does not know: it gives the others.
    edit_config(&scene, "use = [\"notes.read\"]", "use = [\"notes.admin\"]");
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, state) = asked(&agent.ask("tools/call", scene.get()));
    let waiting = agent.begin("tools/call", again(scene.get(), &state, "accept"));
    scene.person(&page).await;
    let answer = agent.answer(waiting);
    assert_eq!(refusal(&answer), "insufficient-scope", "the person is asked the same at once: {answer}");
    let shown = fetch(&page, &[], None).await.unwrap();
    assert!(shown.body.contains("the server did not grant: use."), "{}", shown.body);
    assert!(scene.upstream.seen().is_empty());
}

fn edit_config(scene: &Scene, from: &str, to: &str) {
    let file = scene.cell.places().config.join("config.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&file, text.replace(from, to)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_connections_that_never_end_keep_nobody_from_the_page_for_long() {
    let Some(scene) = Scene::new("GET", "").await else { return };
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, _) = asked(&agent.ask("tools/call", scene.get()));
    let (authority, own) = (page.authority(), origin(&page));
    let silent = String::new();
    let half = format!("GET {} HTTP/1.1\r\nhost: {authority}\r\n", page.path());
    let form = "content-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\ntoken=";
    let bodiless = format!("POST {} HTTP/1.1\r\nhost: {authority}\r\norigin: {own}\r\n{form}", page.path());
    let nowhere = format!("POST /x HTTP/1.1\r\nhost: {authority}\r\n{form}");
    let whole = format!("GET {} HTTP/1.1\r\nhost: {authority}\r\n\r\n", page.path());
    let mut held = Vec::new();
    for number in 0..150 {
        let text = [&silent, &half, &bodiless, &nowhere, &whole][number % 5];
        let mut stream = TcpStream::connect(authority).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let began = std::time::Instant::now();
    let shown = timeout(Duration::from_secs(60), fetch(&page, &[], None)).await.expect("nobody gets in").unwrap();
    assert_eq!(shown.status, 200);
    println!("behind 150 connections that never end the page came after {:?}", began.elapsed());
    assert_eq!(scene.server.count("request"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_device_code_is_shown_to_who_clicked_alone_and_the_page_ends_with_the_result() {
    let Some(scene) = Scene::without_store("GET", "", DEVICE).await else { return };
    scene.cell.sign_in("other", &["use"]);
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, state) = asked(&agent.ask("tools/call", scene.get()));
    let form = form(&fetch(&page, &[], None).await.unwrap());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.server.count("request"), 0, "something started before the click");

    let mut tab = Tab::click(&page, &form).await;
    let first = tab.until("Leave this page open").await;
    let (_, rest) = first.split_once("<big><strong>").expect("no code");
    let code = rest.split('<').next().unwrap().to_owned();
    for told in ["hostile 0.1.0", "<dd>upstream</dd>", "<dd>use</dd>", &scene.server.issuer, "/device\""] {
        assert!(first.contains(told), "no {told} in {first}");
    }
    // A look at the address, as an agent may have one, shows no code; the form's token shows it again.
    let looked = fetch(&page, &[], None).await.unwrap();
    assert!(looked.status == 200 && !looked.body.contains(&code), "{}", looked.body);
    assert_eq!(post(&page, &[("origin", "https://evil.example")], &form).await.status, 403);
    drop(tab);
    let mut tab = Tab::click(&page, &form).await;
    assert!(tab.until("Leave this page open").await.contains(&code), "another code");
    assert_eq!(asked(&agent.ask("tools/call", scene.get())).0, page, "a second page while one is used");

    let waiting = agent.begin("tools/call", again(scene.get(), &state, "accept"));
    let complete = Url::parse(&format!("{}/device?user_code={code}", scene.server.issuer)).unwrap();
    Browser::default().confirm(complete, &code).await;
    works(&agent.answer(waiting));
    scene.watch_token();
    assert!(tab.until("</html>").await.contains("You are signed in to upstream."));
    let used = fetch(&page, &[], None).await.unwrap();
    assert!(used.body.contains("You are signed in") && !used.body.contains(&code), "{}", used.body);
    assert_eq!(agent.end(), 0);
    assert!(scene.cell.sinks.count() > 5, "the test is vacuous");
    assert_eq!(scene.cell.sinks.with(&code), [""; 0], "the agent or a log has the code");
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_few_tabs_show_a_code_and_one_that_is_closed_stops_nothing() {
    let Some(scene) = Scene::without_store("GET", "", DEVICE).await else { return };
    scene.cell.sign_in("other", &["use"]);
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, _) = asked(&agent.ask("tools/call", scene.get()));
    let form = form(&fetch(&page, &[], None).await.unwrap());
    let mut tabs = Vec::new();
    for _ in 0..2 {
        let mut tab = Tab::click(&page, &form).await;
        tab.until("Leave this page open").await;
        tabs.push(tab);
    }
    assert_eq!(post(&page, &[("origin", &origin(&page))], &form).await.status, 409);
    let first = tabs[0].read.clone();
    let code = first.split_once("<big><strong>").unwrap().1.split('<').next().unwrap().to_owned();
    tabs.clear();
    let complete = Url::parse(&format!("{}/device?user_code={code}", scene.server.issuer)).unwrap();
    Browser::default().confirm(complete, &code).await;
    let mut answer = Value::Null;
    for _ in 0..100 {
        answer = agent.ask("tools/call", scene.get());
        if answer["result"]["resultType"] != "input_required" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    works(&answer);
    scene.watch_token();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_secret_is_typed_at_a_terminal_once_and_the_page_takes_it_from_the_store() {
    let Some(scene) = Scene::without_store("GET", "", WITH_SECRET).await else { return };
    scene.cell.watch(SECRET);
    scene.cell.sign_in("other", &["use"]);
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let first = agent.ask("tools/call", scene.get());
    assert_eq!(refusal(&first), "needs-login", "a page, and nobody knows the secret");
    assert!(first["result"]["content"].to_string().contains("hotcell auth signin upstream"), "{first}");
    // A token that a person put in brings none either.
    scene.cell.sign_in("upstream", &["write"]);
    seen().await;
    assert_eq!(refusal(&agent.ask("tools/call", scene.get())), "insufficient-scope");

    scene.terminal("write", SECRET).await;
    seen().await;
    let (page, state) = asked(&agent.ask("tools/call", scene.get()));
    let shown = fetch(&page, &[], None).await.unwrap();
    assert!(shown.body.contains("<dd>use <strong>(new)</strong>, write</dd>"), "{}", shown.body);
    assert!(!shown.body.contains("type=\"password\"") && !shown.body.contains("type=\"text\""), "{}", shown.body);
    let waiting = agent.begin("tools/call", again(scene.get(), &state, "accept"));
    scene.person(&page).await;
    works(&agent.answer(waiting));
    scene.watch_token();
    // The service of this name leads elsewhere: the secret is not for that one.
    drop(agent);
    let other = format!("token_endpoint = \"{}/other\"\ndiscovery = true", scene.server.issuer);
    edit_config(&scene, "discovery = true", &other);
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    assert_eq!(refusal(&agent.ask("tools/call", scene.get())), "needs-login");
}

/// What another process puts into the store is seen within 200 ms.
async fn seen() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_where_there_is_no_store_the_person_chooses_on_the_page_where_its_key_is_kept() {
    let Some(scene) = Scene::without_store("GET", "", CLIENT).await else { return };
    let store = scene.cell.places().state.join("auth/store.json.enc");
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, state) = asked(&agent.ask("tools/call", scene.get()));
    let shown = fetch(&page, &[], None).await.unwrap();
    for place in ["keychain", "key-file"] {
        assert!(shown.body.contains(&format!("name=\"key\" value=\"{place}\" required>")), "{}", shown.body);
    }
    // There is no passphrase to be had, nothing is chosen beforehand, and no path is told.
    let key_file = scene.cell.key_file().display().to_string();
    for never in ["passphrase", "checked", &key_file, "type=\"text\""] {
        assert!(!shown.body.contains(never), "{never} in {}", shown.body);
    }
    let form = form(&shown);
    let own = origin(&page);
    for choice in
        ["", "&key=", "&key=passphrase", "&key=memory", "&key=/tmp/key", "&key=key-file&key=key-file", "&x=key-file"]
    {
        assert_eq!(post(&page, &[("origin", &own)], &format!("{form}{choice}")).await.status, 403, "{choice}");
    }
    assert!(!store.exists() && !scene.cell.key_file().exists() && scene.server.count("request") == 0);
    // A place that cannot be used leaves the choice open.
    std::fs::write(scene.cell.key_file(), "no key").unwrap();
    let failed = post(&page, &[("origin", &own)], &format!("{form}&key=key-file")).await;
    assert!(failed.status == 502 && failed.body.contains("choose again"), "{}", failed.body);
    assert!(!failed.body.contains(&key_file) && !store.exists() && scene.server.count("request") == 0);
    std::fs::remove_file(scene.cell.key_file()).unwrap();

    let waiting = agent.begin("tools/call", again(scene.get(), &state, "accept"));
    let way = scene.clicked(&page, &format!("{form}&key=key-file")).await;
    assert!(store.exists(), "the flow began, and there is no store");
    scene.log_in(way).await;
    works(&agent.answer(waiting));
    scene.watch_token();
    let status = scene.cell.hotcell(&["auth", "status", "upstream", "--json"]).exits(0).json();
    assert_eq!(status[0]["backend"], "key-file", "{status}");
}

/// A browser's tab with an answer that has not ended.
struct Tab {
    stream: TcpStream,
    read: String,
}

impl Tab {
    /// Sends the page's form.
    async fn click(page: &Url, form: &str) -> Self {
        let authority = page.authority();
        let mut stream = TcpStream::connect(authority).await.unwrap();
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: {authority}\r\norigin: {}\r\nsec-fetch-site: same-origin\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            page.path(),
            origin(page),
            form.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, read: String::new() }
    }

    /// Reads until this stands there; all that was read.
    async fn until(&mut self, text: &str) -> String {
        let mut piece = [0; 4096];
        while !self.read.contains(text) {
            let read =
                timeout(Duration::from_secs(60), self.stream.read(&mut piece)).await.expect("no answer").unwrap();
            assert_ne!(read, 0, "it ended without {text}: {}", self.read);
            self.read.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        self.read.clone()
    }
}
