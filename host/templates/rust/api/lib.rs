//! Lists and creates issues of a GitHub repository. There is no token in here: the host adds it where a person granted it.

/// Each `pub fn` is an action. Comments are what people and agents read.
#[hotcell::tool(service = "github")]
mod tool {
    use hotcell::http;
    use hotcell::json;

    /// Which issues to list.
    pub enum State {
        Open,
        Closed,
        All,
    }

    /// One issue.
    #[derive(serde::Deserialize)]
    pub struct Issue {
        /// Counted from 1 in each repository.
        number: u64,
        title: String,
        /// `open` or `closed`.
        state: String,
        /// Its page, for people.
        #[serde(rename = "html_url")]
        url: String,
    }

    /// Lists issues of a repository, newest first.
    #[scope("issues:read")]
    pub fn list_issues(
        /// A person or an organisation.
        owner: String,
        repo: String,
        /// Open ones, if it is not given.
        state: Option<State>,
        /// 1 to 100, otherwise 30.
        limit: Option<u32>,
    ) -> Result<Vec<Issue>> {
        let state = match state {
            None | Some(State::Open) => "open",
            Some(State::Closed) => "closed",
            Some(State::All) => "all",
        };
        let issues = http::service("github")?.get(&["repos", &owner, &repo, "issues"])?;
        let answer = issues.query("state", state).query("per_page", limit.unwrap_or(30).clamp(1, 100)).send()?;
        Ok(answer.or_problem()?.json()?)
    }

    /// Creates an issue.
    #[scope("issues:write")]
    pub fn create_issue(
        /// A person or an organisation.
        owner: String,
        repo: String,
        title: String,
        /// Markdown.
        body: Option<String>,
    ) -> Result<Issue> {
        let issues = http::service("github")?.post(&["repos", &owner, &repo, "issues"])?;
        let answer = issues.json(&json!({"title": title, "body": body})).send()?;
        Ok(answer.or_problem()?.json()?)
    }
}
