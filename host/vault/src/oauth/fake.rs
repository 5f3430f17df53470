//! For the unit tests: a network that answers from a list and keeps what was asked.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use zeroize::Zeroizing;

use super::http::Http;
use super::http::HttpError;
use super::http::HttpReply;
use super::http::HttpRequest;
use super::provider::OfService;
use super::provider::Provider;
use crate::issuer::Waiting;

/// A provider, from the text of its table.
pub(crate) fn provider(text: &str) -> Provider {
    toml::from_str(text).unwrap()
}

/// A provider of a service with these scopes and an `apikey`.
pub(crate) fn provider_of(text: &str, scopes: &[&str]) -> Provider {
    let of_service = OfService {
        origins: vec!["https://abc.supabase.co".to_owned()],
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        send: vec![("apikey".to_owned(), "sb_publishable_x".to_owned())],
    };
    provider(text).of_service(of_service).unwrap()
}

/// Status, body, `Retry-After`.
type Reply = Result<(u16, String, Option<u64>), HttpError>;
/// Address, headers, body.
type Asked = (String, Vec<(String, String)>, String);

/// Answers from a list; the last one again and again.
#[derive(Default)]
pub(crate) struct Fake {
    replies: Mutex<VecDeque<Reply>>,
    /// What was asked.
    pub(crate) asked: Mutex<Vec<Asked>>,
}

impl Fake {
    pub(crate) fn new<const N: usize>(replies: [(u16, &str); N]) -> Self {
        let replies = replies.into_iter().map(|(status, body)| Ok((status, body.to_owned(), None))).collect();
        Self { replies: Mutex::new(replies), asked: Mutex::default() }
    }

    pub(crate) fn failing(error: HttpError) -> Self {
        Self { replies: Mutex::new([Err(error)].into()), asked: Mutex::default() }
    }

    pub(crate) fn busy(status: u16, retry_after: Option<u64>) -> Self {
        Self {
            replies: Mutex::new([Ok((status, "{\"error\":\"invalid_grant\"}".to_owned(), retry_after))].into()),
            asked: Mutex::default(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn headers(&self, index: usize) -> Vec<(String, String)> {
        self.asked.lock().unwrap()[index].1.clone()
    }

    pub(crate) fn body(&self, index: usize) -> String {
        self.asked.lock().unwrap()[index].2.clone()
    }
}

impl Http for Fake {
    fn send(&self, request: HttpRequest) -> Waiting<'_, Result<HttpReply, HttpError>> {
        let body = request.body.map(|body| String::from_utf8(body.to_vec()).unwrap()).unwrap_or_default();
        let headers = request.headers.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        self.asked.lock().unwrap().push((request.endpoint.as_str().to_owned(), headers, body));
        let mut replies = self.replies.lock().unwrap();
        let reply = if replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() };
        Box::pin(async move {
            reply.map(|(status, body, retry_after)| HttpReply {
                status,
                retry_after: retry_after.map(Duration::from_secs),
                body: Zeroizing::new(body.into_bytes()),
            })
        })
    }
}
