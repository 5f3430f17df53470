//! A person with a browser, who logs in and says yes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hotcell_vault::oauth::DeviceCode;
use hotcell_vault::oauth::Person;
use tokio::sync::mpsc;
use url::Url;

use crate::wire::Fetched;
use crate::wire::fetch;

/// Hands on what a flow shows.
pub(crate) struct Shown {
    sender: mpsc::UnboundedSender<Url>,
    /// The user codes.
    pub(crate) codes: Mutex<Vec<String>>,
}

impl Shown {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Url>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, codes: Mutex::default() }, receiver)
    }
}

impl Person for Shown {
    fn visit(&self, url: &Url) {
        self.sender.send(url.clone()).unwrap();
    }

    fn enter(&self, code: &DeviceCode<'_>) {
        self.codes.lock().unwrap().push(code.user_code.clone());
        self.sender.send(code.complete.clone().unwrap_or_else(|| code.address.clone())).unwrap();
    }
}

/// A browser, with its cookies.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn open(&mut self, url: &Url, body: Option<&str>) -> Fetched {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let fetched = fetch(url, &[("cookie", &cookies.join("; "))], body).await.expect("nobody answers");
        for (_, cookie) in fetched.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        fetched
    }

    /// Follows redirects from a page on, up to one that leaves the server, or to the last.
    async fn follow(&mut self, from: Url, body: Option<&str>) -> (Url, Fetched) {
        let (mut url, mut body) = (from.clone(), body);
        for _ in 0..12 {
            let fetched = self.open(&url, body.take()).await;
            let Some(location) = fetched.header("location") else { return (url, fetched) };
            let next = url.join(location).unwrap();
            if next.origin() != from.origin() {
                return (next, fetched);
            }
            url = next;
        }
        panic!("the server redirects for ever");
    }

    /// Logs in and says yes; the address that the answer goes to.
    pub(crate) async fn log_in(&mut self, authorization: Url) -> Url {
        let origin = authorization.origin();
        let (url, fetched) = self.follow(authorization, None).await;
        assert_ne!(url.origin(), origin, "the server keeps the browser: {} {}", fetched.status, fetched.body);
        url
    }

    /// Confirms a device code.
    pub(crate) async fn confirm(&mut self, complete: Url, user_code: &str) {
        let (_, page) = self.follow(complete.clone(), None).await;
        let (_, rest) = page.body.split_once("name=\"xsrf\" value=\"").expect("there is no form");
        let xsrf = rest.split('"').next().unwrap();
        let form = format!("xsrf={xsrf}&user_code={user_code}&confirm=yes");
        let (_, done) = self.follow(complete.join("/device").unwrap(), Some(&form)).await;
        assert_eq!((done.status, done.body.as_str()), (200, "done"));
    }
}
