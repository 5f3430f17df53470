//! Lists and creates issues of a GitHub repository. There is no token in here: the host adds it where a person granted it.

use hotcell_sdk::http;
use serde::Deserialize;
use serde_json::json;

wit_bindgen::generate!({ path: "wit" });

struct Tool;
export!(Tool);

/// An issue as GitHub writes it.
#[derive(Deserialize)]
struct Found {
    number: u64,
    title: String,
    state: String,
    html_url: String,
}

impl From<Found> for Issue {
    fn from(found: Found) -> Self {
        Self { number: found.number, title: found.title, state: found.state, url: found.html_url }
    }
}

impl Guest for Tool {
    fn list_issues(
        owner: String,
        repo: String,
        state: Option<State>,
        limit: Option<u32>,
    ) -> Result<Vec<Issue>, String> {
        let state = match state {
            None | Some(State::Open) => "open",
            Some(State::Closed) => "closed",
            Some(State::All) => "all",
        };
        let list = || -> Result<Vec<Found>, http::Error> {
            let limit = limit.unwrap_or(30).clamp(1, 100).to_string();
            let request = http::service("github")?.get(&["repos", &owner, &repo, "issues"])?;
            request.query("state", state).query("per_page", &limit).send()?.ok()?.json()
        };
        let found = list().map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(Issue::from).collect())
    }

    fn create_issue(owner: String, repo: String, title: String, body: Option<String>) -> Result<Issue, String> {
        let create = || -> Result<Found, http::Error> {
            let request = http::service("github")?.post(&["repos", &owner, &repo, "issues"])?;
            request.json(&json!({"title": title, "body": body})).send()?.ok()?.json()
        };
        create().map(Issue::from).map_err(|error| error.to_string())
    }
}
