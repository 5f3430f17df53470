//! Servers whose certificate is wrong, or that speak no TLS, or an old one.

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

/// What is wrong with a certificate, or before there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It was valid once.
    Expired,
    /// It is for another host.
    Host,
    /// The server chooses this version and cipher: its first message, and no more.
    Hello([u8; 2], [u8; 2]),
    /// There is HTTP where TLS is expected.
    Plain,
    /// It will be valid.
    Soon,
    /// Nobody vouches for it.
    Unknown,
}

/// Starts a server with such a certificate, which the operator trusts but for [`Wrong::Unknown`]. Returns the text that the
/// configuration needs.
pub(super) async fn start(wrong: Wrong, cell: &Cell) -> (Server, String) {
    match wrong {
        Wrong::Hello(version, cipher) => return (Server::hello(hello(version, cipher)).await, String::new()),
        Wrong::Plain => return (Server::hello(Raw::ok("fine")).await, String::new()),
        _ => {}
    }
    let host = if wrong == Wrong::Host { "other.example" } else { "127.0.0.1" };
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    match wrong {
        Wrong::Expired => {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        Wrong::Soon => params.not_before = rcgen::date_time_ymd(3001, 1, 1),
        _ => {}
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

/// A ServerHello in one record (RFC 2246 §7.4.1.3, RFC 5246 §7.4.1.3): version, random bytes, no session, cipher, no compression,
/// and the extensions that a client of TLS 1.2 needs: none.
fn hello(version: [u8; 2], cipher: [u8; 2]) -> Vec<u8> {
    let body = [&version[..], &[7; 32], &[0], &cipher, &[0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[0x16][..], &version, &[0, length + 4], &[2, 0, 0, length], &body].concat()
}
