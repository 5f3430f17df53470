//! A rehearsal is a gate but for the network: what the gate refuses is refused, what it withholds is withheld.

use std::sync::Mutex;
use std::time::Duration;

use cap_std::ambient_authority;
use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::Digest;
use hotcell_protocol::GuestError;
use hotcell_protocol::Header;
use hotcell_protocol::LogLine;
use hotcell_protocol::Outside as _;
use hotcell_protocol::Progress;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;

use super::*;
use crate::Grant;
use crate::Session;
use crate::Watcher;

const SERVICES: &str = "[service.api]\norigins = [\"https://api.example\"]\nanonymous = [\"GET /open\"]\n\
    deny = [\"/v1/keys/**\"]\n[service.api.scopes]\nread = [\"GET /v1/{item}\"]\nwrite = [\"POST /v1/{item}\"]\n";

/// Answers everything alike, and keeps what came.
struct Alike(Played, Mutex<Vec<String>>);

impl Play for Alike {
    fn play(&self, sent: Sent<'_>) -> Result<Played, Refusal> {
        self.1.lock().unwrap().push(format!("{} {}", sent.method.as_str(), sent.url));
        Ok(self.0.clone())
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Watcher for Kept {
    fn log(&self, line: &LogLine) {
        self.0.lock().unwrap().push(line.text.clone());
    }

    fn progress(&self, _: &Progress) {}

    fn keeps_exchanges(&self) -> bool {
        true
    }

    fn exchanged(&self, asked: &Asked, came: Result<&Answer, &Refusal>) {
        self.0.lock().unwrap().push(format!("{asked:?} {came:?}"));
    }
}

fn folder() -> (tempfile::TempDir, Dir) {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    #[cfg(unix)]
    dir.set_permissions(".", cap_std::fs::PermissionsExt::from_mode(0o700)).unwrap();
    (folder, dir)
}

fn signed_in(scopes: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    [("api".to_owned(), scopes.iter().map(ToString::to_string).collect())].into()
}

/// What came of one request, what was played, what was told.
struct Came {
    answer: Result<Answer, GuestError>,
    refused: Option<Code>,
    played: Vec<String>,
    told: Vec<String>,
    fake: String,
}

/// One request in a rehearsal. `{fake}` in the request stands for the made-up credential.
fn ask(method: Method, url: &str, scopes: &[&str], played: Played) -> Came {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (_folder, dir) = folder();
    let services = Arc::new(Services::parse(SERVICES, "t").unwrap());
    let (store, fakes) = FakeStore::make(dir, &services, &signed_in(scopes)).unwrap();
    let (fake, alike) = (fakes["api"].clone(), Arc::new(Alike(played, Mutex::default())));
    let script = Script { play: Arc::clone(&alike) as _, fakes };
    let gate = Arc::new(Gate::rehearsing(services, store, script, Arc::<StrikesInMemory>::default()).unwrap());
    let granted = [("api".to_owned(), BTreeSet::from(["read".to_owned(), "write".to_owned()]))].into();
    let grant =
        Grant { tool: "t".into(), digest: Digest::of(b"t"), action: "a".into(), services: granted, public: Vec::new() };
    let kept = Arc::<Kept>::default();
    let until = std::time::Instant::now() + Duration::from_millis(300);
    let session = Session::new(gate, grant, until, 8, Arc::clone(&kept) as _, Box::new(|| true));
    let headers = vec![Header::new("accept", "text/plain")];
    let asked = Asked { method, url: url.replace("{fake}", &fake), headers, body: None };
    let (answer, stopped) = runtime.block_on(async {
        tokio::select! {
            answer = session.send(asked) => (answer, None),
            refusal = session.stopped() => (Err(GuestError::Broken), Some(refusal.code)),
        }
    });
    let refused = stopped.or_else(|| session.finish().1.first().map(|refusal| refusal.code));
    let (played, told) = (alike.1.lock().unwrap().clone(), kept.0.lock().unwrap().clone());
    Came { answer, refused, played, told, fake }
}

fn reply(headers: Vec<(String, Vec<Piece>)>, body: Vec<Piece>) -> Played {
    Played::Reply(Reply { status: 200, headers, body })
}

fn text(text: &str) -> Piece {
    Piece::Bytes(text.as_bytes().into())
}

#[test]
fn an_allowed_request_is_signed_and_answered_and_the_tool_sees_no_credential() {
    let came = ask(Method::Get, "https://api.example/v1/x", &["read"], reply(Vec::new(), vec![text("well")]));
    assert_eq!(came.answer.unwrap().body, b"well");
    assert_eq!(came.played, ["GET https://api.example/v1/x"]);
    assert_eq!(came.told.len(), 1);
    assert!(
        came.told[0].contains("accept") && !came.told[0].to_lowercase().contains("authorization"),
        "{:?}",
        came.told
    );
    assert!(came.fake.starts_with(FAKE) && came.fake.len() > 40 && !came.told[0].contains(&came.fake));
}

#[test]
fn e1_an_answer_that_gives_the_made_up_credential_back_is_withheld() {
    let field = ("x-echo".to_owned(), vec![text("Bearer "), Piece::Credential]);
    for given in [
        reply(Vec::new(), vec![text("you sent "), Piece::Credential, text("!")]),
        reply(vec![field], vec![text("well")]),
    ] {
        let came = ask(Method::Get, "https://api.example/v1/x", &["read"], given);
        assert_eq!(came.answer.unwrap_err(), GuestError::Withheld);
        assert_eq!(came.refused, Some(Code::LeakStopped));
        assert!(came.told.iter().all(|told| !told.contains(&came.fake)), "{:?}", came.told);
    }
}

#[test]
fn what_no_rule_allows_reaches_no_script() {
    for (method, url, scopes, code) in [
        (Method::Get, "https://api.example/v2/x", &["read"][..], Code::PathNotGranted),
        (Method::Get, "https://api.example/v1/keys/a", &["read"], Code::PathNotGranted),
        (Method::Delete, "https://api.example/v1/x", &["read"], Code::MethodNotGranted),
        (Method::Get, "https://elsewhere.example/v1/x", &["read"], Code::OriginNotGranted),
        (Method::Get, "https://api.example/v1/../v1/x", &["read"], Code::BadRequest),
        (Method::Post, "https://api.example/v1/x", &["read"], Code::InsufficientScope),
    ] {
        let came = ask(method, url, scopes, reply(Vec::new(), vec![text("well")]));
        assert_eq!(came.refused, Some(code), "{method:?} {url}");
        assert!(came.answer.is_err() && came.played.is_empty(), "{method:?} {url}");
    }
}

#[test]
fn e12_a_request_that_holds_the_made_up_credential_ends_the_call_and_is_told_to_nobody() {
    let given = reply(Vec::new(), vec![text("well")]);
    let came = ask(Method::Get, "https://api.example/v1/x?q={fake}", &["read"], given);
    assert_eq!(came.refused, Some(Code::LeakStopped));
    assert!(came.played.is_empty() && came.told.is_empty(), "{:?} {:?}", came.played, came.told);
}

#[test]
fn what_can_go_wrong_with_a_server_goes_wrong_as_the_network_says_it() {
    for (fault, code, error) in [
        (Fault::Silent, Code::DeadlineExceeded, GuestError::TimedOut),
        (Fault::TimedOut, Code::UpstreamTimedOut, GuestError::TimedOut),
        (Fault::Unreachable, Code::UpstreamUnreachable, GuestError::Unreachable),
    ] {
        let came = ask(Method::Get, "https://api.example/v1/x", &["read"], Played::Fails(fault));
        assert_eq!((came.answer.unwrap_err(), came.refused), (error, Some(code)));
    }
}

#[test]
fn written_answers_are_held_to_the_bounds_of_real_ones() {
    let get = |given| ask(Method::Get, "https://api.example/v1/x", &["read"], given).refused;
    let status = |status| Played::Reply(Reply { status, headers: Vec::new(), body: Vec::new() });
    assert_eq!(get(status(101)), Some(Code::UpstreamUnreachable));
    assert_eq!(get(status(206)), Some(Code::LeakStopped));
    let long = vec![Piece::Bytes(vec![b'a'; hotcell_protocol::limits::RESPONSE_BODY_BYTES + 1].into())];
    assert_eq!(get(reply(Vec::new(), long)), Some(Code::ResponseTooLarge));
    let field = |name: &str, value: &str| vec![(name.to_owned(), vec![text(value)])];
    assert_eq!(get(reply(field("x", &"a".repeat(70_000)), Vec::new())), Some(Code::ResponseTooLarge));
    assert_eq!(get(reply(field("a b", "c"), Vec::new())), Some(Code::BadConfig));
    assert_eq!(get(reply(field("a", "b\r\nset-cookie: c"), Vec::new())), Some(Code::BadConfig));
    let came = ask(Method::Get, "https://api.example/open", &["read"], reply(Vec::new(), vec![Piece::Credential]));
    assert_eq!(came.refused, Some(Code::BadConfig), "a server cannot give back what it did not get");
}

#[test]
fn a_folder_that_holds_a_store_is_not_used() {
    let services = Arc::new(Services::parse(SERVICES, "t").unwrap());
    let (_folder, dir) = folder();
    drop(AuthStore::open(dir.try_clone().unwrap(), &Key::Memory([7; 32])).unwrap());
    let alike = || Arc::new(Alike(reply(Vec::new(), Vec::new()), Mutex::default()));
    let refused = Rehearsal::new(dir, Arc::clone(&services), &signed_in(&[]), alike()).err().unwrap();
    assert_eq!(refused.code, Code::StoreUnavailable);
    for (service, scopes) in [("api", "admin"), ("nobody", "read")] {
        let (_folder, dir) = folder();
        let signed_in = [(service.to_owned(), BTreeSet::from([scopes.to_owned()]))].into();
        let refused = Rehearsal::new(dir, Arc::clone(&services), &signed_in, alike()).err().unwrap();
        assert_eq!(refused.code, Code::BadConfig);
    }
}

#[test]
fn credentials_are_made_anew_each_time() {
    let made = || ask(Method::Get, "https://api.example/open", &[], reply(Vec::new(), Vec::new())).fake;
    assert_ne!(made(), made());
}
