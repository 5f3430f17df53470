//! A package registry on Supabase: searching needs no sign-in, uploading and publishing need the scope `registry:write`.

use hotcell_sdk::http;
use serde::Deserialize;
use serde_json::json;

wit_bindgen::generate!({ path: "wit" });

struct Tool;
export!(Tool);

/// A row of the table `registry`.
#[derive(Deserialize)]
struct Row {
    name: String,
    version: String,
    #[serde(default)]
    description: String,
    path: String,
}

impl Guest for Tool {
    fn search(query: String, limit: Option<u32>) -> Result<Vec<Entry>, Problem> {
        // PostgREST: `ilike.*text*` matches anywhere, case ignored; `*` and `,` have meanings of their own there.
        let text: String = query.chars().filter(|c| !matches!(c, '*' | ',' | '(' | ')')).collect();
        let rows: Vec<Row> = http::service("supabase")?
            .get(&["rest", "v1", "registry"])?
            .query("select", "name,version,description,path")
            .query("name", &format!("ilike.*{text}*"))
            .query("order", "name.asc")
            .query("limit", &limit.unwrap_or(20).clamp(1, 100).to_string())
            .send()?
            .ok()?
            .json()?;
        Ok(rows.into_iter().map(Entry::from).collect())
    }

    fn upload(name: String, version: String, content: Vec<u8>) -> Result<String, Problem> {
        http::service("supabase")?
            .post(&["storage", "v1", "object", "packages", &name, &file(&version)])?
            .header("content-type", "application/octet-stream")
            .body(content)
            .send()?
            .ok()?;
        Ok(path(&name, &version))
    }

    fn publish(name: String, version: String, description: String) -> Result<Entry, Problem> {
        let row = json!({"name": name, "version": version, "description": description, "path": path(&name, &version)});
        let rows: Vec<Row> = http::service("supabase")?
            .post(&["rest", "v1", "registry"])?
            .header("prefer", "return=representation")
            .json(&row)
            .send()?
            .ok()?
            .json()?;
        let row = rows.into_iter().next().ok_or_else(|| Problem::Other("the registry returned no row".into()))?;
        Ok(row.into())
    }
}

fn file(version: &str) -> String {
    format!("{version}.tgz")
}

fn path(name: &str, version: &str) -> String {
    format!("packages/{name}/{}", file(version))
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        Self { name: row.name, version: row.version, description: row.description, path: row.path }
    }
}

impl From<http::Error> for Problem {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Host(http::Refused::Denied) => Self::Denied,
            http::Error::Host(http::Refused::NeedsSignIn) | http::Error::Status(401 | 403) => Self::NeedsSignIn,
            http::Error::Status(409) => Self::Exists,
            other => Self::Other(other.to_string()),
        }
    }
}
