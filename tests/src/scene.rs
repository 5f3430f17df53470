//! A hostile guest before a server, with a token: what the tests of the gate begin with.

use hotcell_protocol::Code;
use hotcell_protocol::Verdict;
use serde_json::Value;
use serde_json::json;

use crate::cell::Cell;
use crate::run::Embedded;
use crate::upstream::Seen;
use crate::upstream::Upstream;

/// A guest before a server, with a token.
pub struct Scene {
    /// The cell.
    pub cell: Cell,
    /// The server.
    pub upstream: Upstream,
}

impl Scene {
    /// A server that answers as the function says; it is told the token, to give it away.
    pub async fn new(answer: impl Fn(&Seen, &str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let cell = Cell::new("up_");
        let token = cell.canary().token().to_owned();
        let upstream = Upstream::start(move |seen| answer(seen, &token)).await;
        Self { cell, upstream }
    }

    /// A host with the guest installed and signed in.
    pub fn open(&self) -> Embedded<'_> {
        self.open_with("")
    }

    /// As [`Scene::open`], with more text in the configuration.
    pub fn open_with(&self, further: &str) -> Embedded<'_> {
        let config = format!(
            "[service.upstream]\norigins = [\"{}\"]\nscopes = {{ use = [\"GET,POST,PUT,PATCH,DELETE,HEAD /api/**\"] }}\n\
             deny = [\"/api/admin/**\"]\n{further}",
            self.upstream.origin()
        );
        let hotcell = Embedded::new(&self.cell, &config);
        hotcell.sign_in("upstream", &["use"]);
        hotcell.install("hostile", None);
        hotcell
    }

    /// A URL of the server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.upstream.origin())
    }

    /// Arguments of the guest's action `ask`.
    pub fn arguments(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Value {
        json!({"method": method, "url": self.url(path), "headers": headers, "body": body})
    }
}

/// What the guest got, and the code of the refusal behind it.
pub async fn asks(hotcell: &Embedded<'_>, arguments: Value) -> (Result<String, String>, Option<Code>) {
    let called = hotcell.call("hostile", "ask", arguments).await.unwrap();
    let got = match called.outcome.verdict {
        Verdict::Returned(Value::String(text)) => Ok(text),
        Verdict::Failed(Value::String(text)) => Err(text),
        other => panic!("{other:?}"),
    };
    (got, called.refusals.first().map(|refusal| refusal.code))
}

/// Whether the guest's error is this case, whatever its `Debug` looks like.
pub fn is(got: &Result<String, String>, case: &str) -> bool {
    got.as_ref().is_err_and(|text| text.to_ascii_lowercase().replace(['-', '_'], "").contains(case))
}
