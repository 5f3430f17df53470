//! A tool with plain `wit-bindgen`, without the SDK: whoever writes in another language has no more than this.
//! Works on the contents API of a Jupyter server (`/api/contents`, Jupyter Server REST API).

wit_bindgen::generate!({ path: ["../../../wit", "wit"], world: "hotcell-tests:by-hand/by-hand", generate_all });

use hotcell::tool::http;
use serde_json::Value;
use serde_json::json;

struct Tool;
export!(Tool);

impl Guest for Tool {
    fn list_contents(folder: String) -> Result<Vec<Entry>, String> {
        let found = contents(http::Method::Get, &[folder], None)?;
        let entries = found["content"].as_array().ok_or("no folder")?;
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let entry = |entry: &Value| Entry {
            name: text(entry, "name"),
            kind: text(entry, "type"),
            writable: entry["writable"] == json!(true),
        };
        Ok(entries.iter().map(entry).collect())
    }

    fn write_text(path: Vec<String>, text: String) -> Result<u64, String> {
        let body = json!({"type": "file", "format": "text", "content": text});
        let written = contents(http::Method::Put, &path, Some(body.to_string().into_bytes()))?;
        written["size"].as_u64().ok_or_else(|| "no size".to_owned())
    }

    fn read_text(path: Vec<String>) -> Result<String, String> {
        let found = contents(http::Method::Get, &path, None)?;
        Ok(found["content"].as_str().unwrap_or_default().to_owned())
    }

    fn nothing() {}

    fn echo(value: String) -> String {
        value
    }
}

fn contents(method: http::Method, path: &[String], body: Option<Vec<u8>>) -> Result<Value, String> {
    let origin = http::origin("jupyter").map_err(|error| format!("{error:?}"))?;
    let path: Vec<_> = path.iter().filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect();
    let request = http::Request {
        method,
        url: format!("{origin}/api/contents{}", path.concat()),
        headers: vec![http::Header { name: "Content-Type".into(), value: "application/json".into() }],
        body,
    };
    let response = http::send(&request).map_err(|error| format!("{error:?}"))?;
    match response.status {
        200 | 201 => serde_json::from_slice(&response.body).map_err(|error| error.to_string()),
        status => Err(format!("the server answered {status}")),
    }
}
