//! The sign-in itself, after the click: the flow of `hotcell auth signin`, shown in the browser that clicked.

use hotcell_protocol::Refusal;
use hotcell_vault::Id;
use hotcell_vault::oauth::DeviceCode;
use hotcell_vault::oauth::Person;
use hotcell_vault::oauth::SignIn;
use rmcp::model::CustomNotification;
use rmcp::model::ServerNotification;
use serde_json::json;
use url::Url;

use super::page::Code;
use super::page::Outcome;
use super::page::Page;
use super::page::Stage;
use super::purpose::Way;
use crate::Host;
use crate::signed_in;

/// How clients of 2025-11-25 learn that they may call again.
const COMPLETE: &str = "notifications/elicitation/complete";

/// Runs a page's sign-in to its end, and ends the page. What went wrong is for the log and for the page: the agent is told
/// nothing but that a sign-in is still needed.
pub(super) async fn run(host: &Host, page: &Page) {
    let service = page.purpose.service.as_str();
    page.end(match sign_in(host, page).await {
        Ok(outcome) => outcome,
        Err(refusal) => {
            tracing::warn!(service, code = refusal.code.as_str(), "the sign-in failed: {refusal}");
            Outcome::Failed(refusal)
        }
    });
    for peer in page.to_tell() {
        let told = CustomNotification::new(COMPLETE, Some(json!({"elicitationId": page.id})));
        // A client that has gone has nobody to tell.
        drop(peer.send_notification(ServerNotification::CustomNotification(told)).await);
    }
}

async fn sign_in(host: &Host, page: &Page) -> Result<Outcome, Refusal> {
    let purpose = &page.purpose;
    let service = purpose.service.as_str();
    let provider = host.services().sign_in(service)?;
    let secret = if provider.has_client_secret() { signed_in::client_secret(host, service)? } else { None };
    let http = host.issuer_network()?;
    let person = Visitor(page);
    let sign_in = SignIn { service, provider, scopes: purpose.scopes.clone(), http: &*http, person: &person };
    let signed_in = match purpose.way {
        Way::Browser => sign_in.by_browser(secret).await?,
        Way::Device => sign_in.by_device(secret).await?,
    };
    let declined = signed_in::keep(host, Id::from((service, purpose.user.as_deref())), signed_in)?;
    tracing::info!(service, ?declined, "a person signed in by the page");
    Ok(Outcome::SignedIn(declined))
}

/// The person whose browser has clicked and waits. A browser that has gone meanwhile never comes back: the flow ends by its
/// own limit.
struct Visitor<'a>(&'a Page);

impl Person for Visitor<'_> {
    fn visit(&self, url: &Url) {
        self.0.show(Stage::Elsewhere(url.clone()));
    }

    fn enter(&self, code: &DeviceCode<'_>) {
        self.0.show(Stage::Code(Code {
            code: code.user_code.clone(),
            address: code.address.clone(),
            good_for: code.expires_in,
        }));
    }
}
