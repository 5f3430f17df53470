//! Servers whose certificate is wrong.

use std::sync::Arc;

use rcgen::CertificateParams;
use rcgen::KeyPair;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::Step;
use super::servers::Server;
use crate::Cell;
use crate::Raw;

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It was valid once.
    Expired,
    /// It is for another host.
    Host,
    /// It will be valid.
    Soon,
    /// Nobody vouches for it.
    Unknown,
}

/// Starts a server with such a certificate, which the operator trusts but for [`Wrong::Unknown`]. Returns the text that the
/// configuration needs.
pub(super) async fn start(wrong: Wrong, cell: &Cell) -> (Server, String) {
    let host = if wrong == Wrong::Host { "other.example" } else { "127.0.0.1" };
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    match wrong {
        Wrong::Expired => {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        Wrong::Soon => params.not_before = rcgen::date_time_ymd(3001, 1, 1),
        Wrong::Host | Wrong::Unknown => {}
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::listen(vec![Step::Send(Raw::ok("fine"))], Some(acceptor)).await;
    if wrong == Wrong::Unknown {
        return (server, String::new());
    }
    cell.config("");
    std::fs::write(cell.places().config.join("roots.pem"), certificate.pem()).unwrap();
    (server, "[network]\nextra_roots = \"roots.pem\"\n".to_owned())
}
