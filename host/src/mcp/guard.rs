//! Who may speak to the HTTP server: asked for under its own name, from no foreign page, with the token.
//!
//! A page in a browser can reach loopback, and by DNS rebinding under its own name (RUSTSEC-2026-0189): `Host` and `Origin`
//! are compared whole, before anything is read.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use axum::response::Response;

use super::bearer::Bearer;
use super::users::Caller;
use crate::config::Authorization;
use crate::config::Serve;

/// The names of a server.
#[derive(Debug, Clone)]
pub(super) struct Names {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Names {
    /// Those of a server at this address: loopback's with its port, its own address, and what the operator wrote.
    pub(super) fn of(address: SocketAddr, config: &Serve) -> Self {
        let port = address.port();
        let mut hosts = vec![format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
        let own = address.to_string();
        if !address.ip().is_unspecified() && !hosts.contains(&own) {
            hosts.push(own);
        }
        let mut origins: Vec<_> = hosts.iter().map(|host| format!("http://{host}")).collect();
        origins.extend(config.origins.iter().map(|origin| origin.to_ascii_lowercase()));
        hosts.extend(config.hosts.iter().map(|host| host.to_ascii_lowercase()));
        // Clients ask for the resource under its own name.
        hosts.extend(config.authorization.iter().map(Authorization::host));
        Self { hosts, origins }
    }

    /// The hosts alone, for the SDK's own check behind this one.
    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Whether the request names this server, and comes from no foreign page.
    fn admit(&self, headers: &HeaderMap) -> bool {
        let is_one = |name, known: &[String]| {
            let mut values = headers.get_all(name).iter();
            let value = values.next().and_then(|value| value.to_str().ok()).map(str::to_ascii_lowercase);
            values.next().is_none() && value.is_some_and(|value| known.contains(&value))
        };
        is_one(header::HOST, &self.hosts)
            && (!headers.contains_key(header::ORIGIN) || is_one(header::ORIGIN, &self.origins))
    }
}

/// Lets in what names this server.
pub(super) async fn named(State(names): State<Arc<Names>>, request: Request, next: Next) -> Response {
    if names.admit(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "this Host or Origin is not the server's\n").into_response()
}

/// Lets in what carries the token.
pub(super) async fn with_token(State(bearer): State<Bearer>, mut request: Request, next: Next) -> Response {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let admitted = values.next().is_some_and(|value| bearer.admits(value.as_bytes())) && values.next().is_none();
    if admitted {
        request.headers_mut().remove(header::AUTHORIZATION);
        request.extensions_mut().insert(Caller(None));
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, "a bearer token is needed: hotcell serve --http shows it once\n")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(names: &Names, fields: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        names.admit(&headers)
    }

    #[test]
    fn only_the_servers_own_names_are_admitted() {
        let config = Serve {
            hosts: vec!["Mcp.example".into()],
            origins: vec!["https://app.example".into()],
            ..Serve::default()
        };
        let names = Names::of("127.0.0.1:8717".parse().unwrap(), &config);
        for host in ["127.0.0.1:8717", "LOCALHOST:8717", "[::1]:8717", "mcp.example"] {
            assert!(admits(&names, &[("host", host)]), "{host}");
        }
        for host in
            ["evil.example:8717", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:8717", "", "mcp.example:1"]
        {
            assert!(!admits(&names, &[("host", host)]), "{host}");
        }
        assert!(!admits(&names, &[]));
        assert!(!admits(&names, &[("host", "127.0.0.1:8717"), ("host", "evil.example")]));
        let from = |origin| admits(&names, &[("host", "127.0.0.1:8717"), ("origin", origin)]);
        assert!(from("https://app.example") && from("http://127.0.0.1:8717"));
        for origin in ["null", "https://evil.example", "http://localhost:5173", "https://app.example.evil.example"] {
            assert!(!from(origin), "{origin}");
        }
    }
}
