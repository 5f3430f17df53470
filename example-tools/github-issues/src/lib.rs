//! Lists and creates issues of a GitHub repository, without ever seeing the token that makes it possible.

use hotcell_sdk::http;
use serde::Deserialize;
use serde_json::json;

wit_bindgen::generate!({ path: "wit" });

struct Tool;
export!(Tool);

/// An issue as GitHub writes it (REST API, "List repository issues").
#[derive(Deserialize)]
struct Found {
    number: u64,
    title: String,
    state: String,
    html_url: String,
    user: Option<User>,
    #[serde(default)]
    comments: u32,
    #[serde(default)]
    labels: Vec<Label>,
    /// Pull requests are listed among the issues; this key tells them apart.
    pull_request: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

impl Guest for Tool {
    fn list_issues(
        owner: String,
        repo: String,
        state: Option<State>,
        limit: Option<u32>,
    ) -> Result<Vec<Issue>, Problem> {
        let state = match state {
            None | Some(State::Open) => "open",
            Some(State::Closed) => "closed",
            Some(State::All) => "all",
        };
        let found: Vec<Found> = issues(http::Method::Get, &owner, &repo)?
            .query("state", state)
            .query("per_page", limit.unwrap_or(30).clamp(1, 100).to_string())
            .send()?
            .ok()?
            .json()?;
        Ok(found.into_iter().filter(|issue| issue.pull_request.is_none()).map(Issue::from).collect())
    }

    fn create_issue(
        owner: String,
        repo: String,
        title: String,
        body: Option<String>,
        labels: Vec<String>,
    ) -> Result<Issue, Problem> {
        let created: Found = issues(http::Method::Post, &owner, &repo)?
            .json(&json!({"title": title, "body": body, "labels": labels}))
            .send()?
            .ok()?
            .json()?;
        Ok(created.into())
    }
}

fn issues(method: http::Method, owner: &str, repo: &str) -> Result<http::Request, http::Error> {
    let request = http::service("github")?.request(method, &["repos", owner, repo, "issues"])?;
    Ok(request.header("accept", "application/vnd.github+json"))
}

impl From<Found> for Issue {
    fn from(found: Found) -> Self {
        Self {
            number: found.number,
            title: found.title,
            state: found.state,
            url: found.html_url,
            author: found.user.map(|user| user.login).unwrap_or_default(),
            comments: found.comments,
            labels: found.labels.into_iter().map(|label| label.name).collect(),
        }
    }
}

impl From<http::Error> for Problem {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Host(http::Refused::Denied) => Self::Denied,
            http::Error::Host(http::Refused::NeedsSignIn) | http::Error::Status(401) => Self::NeedsSignIn,
            http::Error::Status(404 | 410) => Self::NotFound,
            http::Error::Status(403 | 429) => Self::RateLimited,
            other => Self::Other(other.to_string()),
        }
    }
}
