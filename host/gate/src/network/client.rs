//! The HTTP client, built from nothing: no proxy and no certificates from the environment, no redirects, no cookies, no
//! decompression, HTTP/1.1 only.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use reqwest::Client;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;

use super::Received;
use super::Way;
use super::body;
use super::resolver::Forbidden;
use super::resolver::Public;
use crate::scan::Reading;
use crate::sign::Signed;
use crate::sign::Whose;

/// How long a connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections kept for each host of a service.
const IDLE_CONNECTIONS: usize = 8;

/// Connection pools that are kept. Where there are more, the one that was used longest ago goes.
const POOLS: usize = 256;

/// The network, with a connection pool for each tool, service and user: a server that is led to take a part of one's request for the
/// beginning of the next answers nobody else with it, and puts nobody else's request into it (threats B5, C8).
pub struct Network {
    tls: ClientConfig,
    names: Public,
    clients: Mutex<HashMap<Whose, (Client, Instant)>>,
    /// What answers instead of a network, in tests.
    #[cfg(test)]
    fake: Option<super::Fake>,
}

impl Network {
    /// A network that trusts the bundled certificate authorities, and those in `extra_roots` (PEM).
    pub(crate) fn new(extra_roots: Option<&[u8]>) -> Result<Self, Refusal> {
        Ok(Self {
            tls: tls(extra_roots)?,
            names: Public::default(),
            clients: Mutex::default(),
            #[cfg(test)]
            fake: None,
        })
    }

    /// A network that is none: every request goes to this function.
    #[cfg(test)]
    pub(crate) fn faked(fake: super::Fake) -> Result<Self, Refusal> {
        Ok(Self { fake: Some(fake), ..Self::new(None)? })
    }

    /// The same network with names that a test knows.
    #[cfg(test)]
    pub(crate) fn told(self, told: super::Told) -> Self {
        Self { names: Public { told: Some(Arc::new(told)) }, ..self }
    }

    async fn exchange(&self, signed: Signed, mut reading: Reading, origin: &str) -> Result<Received, Refusal> {
        let client = self.client(&signed.whose)?;
        let Signed { method, target, headers, body, .. } = signed;
        let method = reqwest::Method::from_bytes(method.as_str().as_bytes())
            .map_err(|_| Refusal::internal("a method of the protocol is none of HTTP"))?;
        let mut request = reqwest::Request::new(method, target.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = body.map(Into::into);
        // A server may close a kept connection just as it is used again; and nothing else is worth a second try (RFC 9110
        // §9.2.2: what is idempotent may be repeated without asking).
        let again = if request.method().is_idempotent() { request.try_clone() } else { None };
        let response = match (attempt(&client, request, origin).await?, again) {
            (Err(error), Some(again)) if error.is_request() && !error.is_connect() && !error.is_timeout() => {
                attempt(&client, again, origin).await?
            }
            (first, _) => first,
        };
        let response = response.map_err(|error| explain(&error, origin))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        check_head(status, &headers, origin)?;
        let body = body::read(response, &mut reading, origin).await?;
        Ok(Received { status, headers, body, reading, target, _made: () })
    }

    fn client(&self, whose: &Whose) -> Result<Client, Refusal> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((client, used)) = clients.get_mut(whose) {
            *used = now;
            return Ok(client.clone());
        }
        let client = build(self.tls.clone(), self.names.clone(), IDLE_CONNECTIONS)?;
        if clients.len() >= POOLS {
            let oldest = clients.iter().min_by_key(|(_, (_, used))| *used).map(|(whose, _)| whose.clone());
            oldest.and_then(|oldest| clients.remove(&oldest));
        }
        clients.insert(whose.clone(), (client.clone(), now));
        Ok(client)
    }
}

impl Way for Network {
    const MADE_UP: bool = false;

    async fn send(&self, signed: Signed, reading: Reading, deadline: Instant) -> Result<Received, Refusal> {
        #[cfg(test)]
        if let Some(fake) = &self.fake {
            let (target, (status, headers, body)) = (signed.target.clone(), fake(signed));
            return Ok(Received { status, headers, body, reading, target, _made: () });
        }
        let origin = signed.target.origin.to_string();
        timeout_at(deadline, self.exchange(signed, reading, &origin)).await.unwrap_or_else(|_| {
            Err(Refusal::new(
                Code::DeadlineExceeded,
                format!("the call's time was over before {origin} had answered"),
                "give the call more time (call --timeout), or ask for less",
            ))
        })
    }
}

/// One try. The outer error: no answer in time.
async fn attempt(
    client: &Client,
    request: reqwest::Request,
    origin: &str,
) -> Result<reqwest::Result<reqwest::Response>, Refusal> {
    let most = limits::CONNECT_TIMEOUT + limits::HEAD_TIMEOUT;
    timeout(most, client.execute(request)).await.map_err(|_| {
        Refusal::new(
            Code::UpstreamTimedOut,
            format!("{origin} did not answer in time"),
            "try again; the server is slow or hangs",
        )
    })
}

/// What is trusted: the bundled certificate authorities, and those in `extra_roots` (PEM).
pub(super) fn tls(extra_roots: Option<&[u8]>) -> Result<ClientConfig, Refusal> {
    // Bundled: neither SSL_CERT_FILE nor a file on the disk changes what is trusted (threat K3). No key log (threat G12).
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra_roots.map(CertificateDer::pem_slice_iter).into_iter().flatten() {
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        added.ok_or_else(|| {
            Refusal::new(
                Code::BadConfig,
                "`network.extra_roots` holds something that is no certificate",
                "it must be a PEM file of certificates",
            )
        })?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| Refusal::internal("TLS cannot be set up"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tls)
}

#[expect(clippy::disallowed_methods, reason = "the one place that builds an HTTP client")]
pub(super) fn build(tls: ClientConfig, names: Public, idle_connections: usize) -> Result<Client, Refusal> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(names)
        // A proxy variable would carry the token elsewhere and look names up in our stead (threat K2).
        .no_proxy()
        // Followed redirects carry custom credential headers to other origins (reqwest#3091, CVE-2018-1000007, threat D1).
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // HTTP/2 brought floods (RUSTSEC-2026-0258, RUSTSEC-2024-0003) and shares connections between names (threat C8).
        .http1_only()
        .http1_max_headers(limits::RESPONSE_HEADERS)
        .connection_verbose(false)
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle_connections)
        .user_agent(concat!("hotcell/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| Refusal::internal("the HTTP client cannot be built"))
}

/// Refuses what no tool should see: switched protocols, status codes outside HTTP's, floods of headers.
pub(super) fn check_head(status: u16, headers: &http::HeaderMap, origin: &str) -> Result<(), Refusal> {
    if !(200..=599).contains(&status) {
        return Err(Refusal::new(
            Code::UpstreamUnreachable,
            format!("{origin} answered with the status {status}, which no request of a tool asks for"),
            "the server is broken, or wants to switch protocols",
        ));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > limits::RESPONSE_HEADER_BYTES {
        return Err(Refusal::new(
            Code::ResponseTooLarge,
            format!("the headers of {origin} have more than {} bytes", limits::RESPONSE_HEADER_BYTES),
            "nothing to repair for the tool",
        ));
    }
    Ok(())
}

/// Says in our own words why there is no response. The client's error may hold the URL (reqwest#1361): it ends here.
fn explain(error: &reqwest::Error, origin: &str) -> Refusal {
    if let Some(Forbidden { why }) = forbidden(error) {
        return Refusal::new(
            Code::AddressForbidden,
            format!("{origin} leads to an address that is not public ({why})"),
            "a service on this machine is named by its literal address: http://127.0.0.1:PORT in `origins`",
        );
    }
    if error.is_timeout() {
        return Refusal::new(
            Code::UpstreamTimedOut,
            format!("{origin} did not answer in time"),
            "try again; the server is slow or hangs",
        );
    }
    let what = if error.is_connect() {
        "cannot be reached (name, address or certificate)"
    } else {
        "did not answer as HTTP/1.1"
    };
    Refusal::new(
        Code::UpstreamUnreachable,
        format!("{origin} {what}"),
        "check the origin and the network; for a private certificate authority set network.extra_roots in config.toml",
    )
}

/// The resolver's refusal, if that is behind an error.
pub(super) fn forbidden(error: &reqwest::Error) -> Option<&Forbidden> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(forbidden) = inner.downcast_ref() {
            return Some(forbidden);
        }
        cause = inner.source();
    }
    None
}
