//! A tool of the world `near:agent/sandboxed-tool@0.4.1`, as people write them for IronClaw. Nothing in it knows of Hotcell.

wit_bindgen::generate!({
    path: "../../../host/sandbox/wit/deps/near.wit",
    world: "near:agent/sandboxed-tool",
});

use exports::near::agent::tool::ErrorKind;
use exports::near::agent::tool::Guest;
use exports::near::agent::tool::GuestFailure;
use exports::near::agent::tool::Request;
use exports::near::agent::tool::Response;
use near::agent::host;
use serde_json::Value;
use serde_json::json;

struct Tool;
export!(Tool);

impl Guest for Tool {
    /// `{"secret": …}`, `{"around": true}`, or a request: `{"method", "url", "headers", "body", "timeout"}`.
    fn execute(request: Request) -> Response {
        let Ok(params) = serde_json::from_str::<Value>(&request.params) else {
            return failure(ErrorKind::Input, "bad_parameters".to_owned());
        };
        let text = |name: &str| params[name].as_str().unwrap_or_default();
        if let Some(name) = params["secret"].as_str() {
            return Response::Success(host::secret_exists(name).to_string());
        }
        if params["around"] == true {
            host::log(host::LogLevel::Info, "hello from iron");
            let around = json!({
                "file": host::workspace_read("notes.md"),
                "tool": host::tool_invoke("other", "{}").is_ok(),
                "year": host::now_millis() / 31_556_952_000 + 1970,
            });
            return Response::Success(around.to_string());
        }
        let body = params["body"].as_str().map(|body| body.as_bytes().to_vec());
        let headers = params["headers"].as_str().map_or_else(|| params["headers"].to_string(), str::to_owned);
        let timeout = params["timeout"].as_u64().map(|millis| u32::try_from(millis).unwrap_or(u32::MAX));
        match host::http_request(text("method"), text("url"), &headers, body.as_deref(), timeout) {
            Ok(response) => {
                let headers: Value = serde_json::from_str(&response.headers_json).unwrap_or_default();
                let body = String::from_utf8_lossy(&response.body);
                Response::Success(json!({"status": response.status, "headers": headers, "body": body}).to_string())
            }
            Err(error) => {
                let code = error.code.unwrap_or_default();
                failure(ErrorKind::OperationFailed, format!("{:?} {code} {}", error.kind, error.request_sent))
            }
        }
    }

    fn schema() -> String {
        json!({"type": "object"}).to_string()
    }

    fn description() -> String {
        "Sends a request.".to_owned()
    }
}

fn failure(kind: ErrorKind, code: String) -> Response {
    Response::Failure(GuestFailure { kind, code: Some(code), message: None })
}
