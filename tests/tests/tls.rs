//! TLS: certificates that nobody vouches for get no token; those of the operator's own authority do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use hotcell_protocol::Code;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Raw;
use hotcell_tests::asks;
use hotcell_tests::is;
use rcgen::CertifiedKey;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;

/// Starts a server whose certificate is for this name. Returns its port, how many requests came, and the certificate.
async fn serve(name: &str) -> (u16, Arc<AtomicUsize>, String) {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                count.fetch_add(1, Ordering::Relaxed);
                drop(stream.write_all(&Raw::answer("200 OK", &["Connection: close"], "secure")).await);
                drop(stream.shutdown().await);
            }
        }
    });
    (port, requests, cert.pem())
}

async fn ask(cell: &Cell, port: u16, roots: Option<&str>) -> (Result<String, String>, Option<Code>) {
    let network = if roots.is_some() { "[network]\nextra_roots = \"roots.pem\"\n" } else { "" };
    let config = format!(
        "[service.upstream]\norigins = [\"https://127.0.0.1:{port}\"]\nscopes = {{ use = [\"GET /**\"] }}\n{network}"
    );
    cell.config("");
    if let Some(pem) = roots {
        std::fs::write(cell.places().config.join("roots.pem"), pem).unwrap();
    }
    let hotcell = Embedded::new(cell, &config);
    hotcell.sign_in("upstream", &["use"]);
    hotcell.install("hostile", None);
    let url = format!("https://127.0.0.1:{port}/x");
    asks(&hotcell, json!({"method": "get", "url": url, "headers": [], "body": null})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_a_certificate_that_nobody_vouches_for_gets_no_request() {
    let (port, requests, _) = serve("127.0.0.1").await;
    let cell = Cell::new("up_");
    let (got, code) = ask(&cell, port, None).await;
    assert!(is(&got, "unreachable") && code == Some(Code::UpstreamUnreachable), "{got:?}");
    assert_eq!(requests.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_a_certificate_for_another_name_gets_no_request_even_if_it_is_trusted() {
    let (port, requests, pem) = serve("other.example").await;
    let cell = Cell::new("up_");
    let (got, _) = ask(&cell, port, Some(&pem)).await;
    assert!(is(&got, "unreachable"), "{got:?}");
    assert_eq!(requests.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_own_authority_is_trusted_where_the_configuration_names_it() {
    let (port, requests, pem) = serve("127.0.0.1").await;
    let cell = Cell::new("up_");
    let (got, _) = ask(&cell, port, Some(&pem)).await;
    assert!(got.unwrap().ends_with("secure"));
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}
