//! Whether a server that shows a certificate of its own making gets anything.

use std::io::Read;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;

use hotcell_gate::IssuerNetwork;
use hotcell_vault::Secret;
use hotcell_vault::oauth::HttpError;
use hotcell_vault::oauth::OAuthError;
use hotcell_vault::oauth::Place;
use hotcell_vault::oauth::SignIn;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::pki_types::PrivateKeyDer;

use crate::browser::Shown;
use crate::support::provider;
use crate::support::scopes;

const TOKEN: &str = r#"{"access_token":"at-1","token_type":"bearer"}"#;

/// Serves two connections; the certificate as PEM, the address, and what was read in clear.
fn serve() -> (String, String, Arc<Mutex<Vec<u8>>>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let read = Arc::new(Mutex::new(Vec::new()));
    let (config, kept) = (Arc::new(config), Arc::clone(&read));
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream.unwrap());
            let mut buffer = [0; 4_096];
            // Until the body's end: the form ends with the secret.
            while let Ok(count @ 1..) = tls.read(&mut buffer) {
                let mut read = kept.lock().unwrap();
                read.extend_from_slice(&buffer[..count]);
                if read.ends_with(b"client_secret=cs-1") {
                    break;
                }
            }
            let answer = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{TOKEN}", TOKEN.len());
            drop(tls.write_all(answer.as_bytes()).and_then(|()| tls.flush()));
        }
    });
    (made.cert.pem(), format!("https://{address}/token"), read)
}

async fn sign_in(address: &str, roots: Option<&str>) -> Result<String, OAuthError> {
    let provider = provider(&format!(
        "client_id = \"cli\"\nclient_authentication = \"post\"\ngrants = [\"client-credentials\"]\ntoken_endpoint = \"{address}\""
    ));
    let (network, (person, _shown)) = (IssuerNetwork::new(roots.map(str::as_bytes)).unwrap(), Shown::new());
    let sign_in = SignIn { service: "notes", provider: &provider, scopes: scopes(), http: &network, person: &person };
    let secret = Secret::new("cs-1".to_owned().into()).unwrap();
    sign_in.by_client_credentials(secret).await.map(|signed_in| signed_in.token.access.expose().to_owned())
}

#[tokio::test]
async fn k3_nothing_is_sent_to_a_server_whose_certificate_nobody_vouches_for() {
    let (certificate, address, read) = serve();
    let error = OAuthError::Network { place: Place::Token, error: HttpError::Unreachable };
    assert_eq!(sign_in(&address, None).await, Err(error));
    assert!(read.lock().unwrap().is_empty());
    // The same server, where the operator trusts it.
    assert_eq!(sign_in(&address, Some(&certificate)).await.as_deref(), Ok("at-1"));
    assert!(read.lock().unwrap().starts_with(b"POST /token HTTP/1.1\r\n"));
}
