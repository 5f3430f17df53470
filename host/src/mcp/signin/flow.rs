//! The sign-in itself, after the click: the flow of `hotcell auth signin`, shown in the browser that clicked.

use std::sync::Mutex;
use std::sync::PoisonError;

use hotcell_protocol::Refusal;
use hotcell_vault::Id;
use hotcell_vault::oauth::DeviceCode;
use hotcell_vault::oauth::Person;
use hotcell_vault::oauth::SignIn;
use rmcp::model::CustomNotification;
use rmcp::model::ServerNotification;
use serde_json::json;
use tokio::sync::oneshot;
use url::Url;

use super::pages::Page;
use super::pages::Pages;
use crate::Host;
use crate::signed_in;

/// How clients of 2025-11-25 learn that they may call again.
const COMPLETE: &str = "notifications/elicitation/complete";

/// Runs a page's sign-in to its end, and ends the page. What went wrong is for the log: the agent learns nothing but that a
/// sign-in is still needed.
pub(super) async fn run(host: &Host, pages: &Pages, page: &Page, way: oneshot::Sender<Url>) {
    let service = page.purpose.service.as_str();
    match sign_in(host, page, way).await {
        Ok(()) => tracing::info!(service, "a person signed in by the page"),
        Err(refusal) => tracing::warn!(service, code = refusal.code.as_str(), "the sign-in failed: {refusal}"),
    }
    pages.end(page);
    for peer in page.to_tell() {
        let told = CustomNotification::new(COMPLETE, Some(json!({"elicitationId": page.id})));
        // A client that has gone has nobody to tell.
        drop(peer.send_notification(ServerNotification::CustomNotification(told)).await);
    }
}

async fn sign_in(host: &Host, page: &Page, way: oneshot::Sender<Url>) -> Result<(), Refusal> {
    let purpose = &page.purpose;
    let provider = host.services().sign_in(&purpose.service)?;
    let http = host.issuer_network()?;
    let person = Visitor(Mutex::new(Some(way)));
    let sign_in =
        SignIn { service: &purpose.service, provider, scopes: purpose.scopes.clone(), http: &*http, person: &person };
    let signed_in = sign_in.by_browser(None).await?;
    let id = Id::from((purpose.service.as_str(), purpose.user.as_deref()));
    let declined = signed_in::keep(host, id, signed_in)?;
    if !declined.is_empty() {
        tracing::warn!(service = purpose.service, ?declined, "the server did not grant all scopes");
    }
    Ok(())
}

/// The person whose browser has clicked and waits.
struct Visitor(Mutex<Option<oneshot::Sender<Url>>>);

impl Person for Visitor {
    fn visit(&self, url: &Url) {
        if let Some(way) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A browser that has gone meanwhile never comes back: the flow ends by its own limit.
            drop(way.send(url.clone()));
        }
    }

    fn enter(&self, _: &DeviceCode<'_>) {
        tracing::error!("a sign-in by the page has no device code");
    }
}
