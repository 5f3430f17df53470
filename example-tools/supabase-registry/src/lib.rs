//! A package registry on Supabase, code first: no WIT is written. Searching needs no sign-in, uploading and publishing need the
//! scope `registry:write`.

#[hotcell::tool(service = "supabase")]
mod registry {
    use hotcell::http;
    use hotcell::json;

    /// One published package.
    #[derive(serde::Deserialize)]
    pub struct Entry {
        name: String,
        version: String,
        #[serde(default)]
        description: String,
        /// Where its content is kept, below the storage's root.
        path: String,
    }

    /// Why there is no answer.
    pub enum Refusal {
        /// The host refused: not granted to this action.
        Denied,
        /// A person must sign in, or the token lacks the scope `registry:write`.
        NeedsSignIn,
        /// This version exists already.
        Exists,
        /// Anything else.
        Other(String),
    }

    /// Searches the registry by name. Needs no sign-in.
    #[service("supabase")]
    pub fn search(
        /// A part of the name, in any case.
        query: String,
        /// 1 to 100, otherwise 20.
        limit: Option<u32>,
    ) -> Result<Vec<Entry>, Refusal> {
        // PostgREST: `ilike.*text*` matches anywhere, case ignored; `*` and `,` have meanings of their own there.
        let text: String = query.chars().filter(|c| !matches!(c, '*' | ',' | '(' | ')')).collect();
        let found = http::service("supabase")?
            .get(&["rest", "v1", "registry"])?
            .query("select", "name,version,description,path")
            .query("name", format!("ilike.*{text}*"))
            .query("order", "name.asc")
            .query("limit", limit.unwrap_or(20).clamp(1, 100))
            .send()?
            .ok()?;
        Ok(found.json()?)
    }

    /// Uploads a package's content.
    ///
    /// # Returns
    /// The path under which it is kept.
    #[scope("registry:write")]
    pub fn upload(
        name: String,
        version: String,
        /// A gzipped tar archive.
        content: Vec<u8>,
    ) -> Result<String, Refusal> {
        http::service("supabase")?
            .post(&["storage", "v1", "object", "packages", &name, &file(&version)])?
            .header("content-type", "application/octet-stream")
            .body(content)
            .send()?
            .ok()?;
        Ok(path(&name, &version))
    }

    /// Publishes an uploaded package.
    #[scope("registry:write")]
    pub fn publish(name: String, version: String, description: String) -> Result<Entry, Refusal> {
        let row = json!({"name": name, "version": version, "description": description, "path": path(&name, &version)});
        let rows: Vec<Entry> = http::service("supabase")?
            .post(&["rest", "v1", "registry"])?
            .header("prefer", "return=representation")
            .json(&row)
            .send()?
            .ok()?
            .json()?;
        rows.into_iter().next().ok_or_else(|| Refusal::Other("the registry returned no row".into()))
    }

    fn file(version: &str) -> String {
        format!("{version}.tgz")
    }

    fn path(name: &str, version: &str) -> String {
        format!("packages/{name}/{}", file(version))
    }

    impl From<http::Error> for Refusal {
        fn from(error: http::Error) -> Self {
            match error {
                http::Error::Host(http::Refused::Denied) => Self::Denied,
                http::Error::Host(http::Refused::NeedsSignIn) | http::Error::Status(401 | 403) => Self::NeedsSignIn,
                http::Error::Status(409) => Self::Exists,
                other => Self::Other(other.to_string()),
            }
        }
    }
}
