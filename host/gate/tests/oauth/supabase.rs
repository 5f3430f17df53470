//! Against a server with the rules of Supabase Auth: one session, whose refresh tokens rotate; the parent of the active token
//! stays good, since a client may have failed to save; any older one ends the session.

use std::sync::Arc;
use std::sync::Mutex;

use hotcell_gate::IssuerNetwork;
use hotcell_protocol::Refusal;
use hotcell_vault::Issuer as _;
use hotcell_vault::NewToken;
use hotcell_vault::RefreshError;
use hotcell_vault::oauth::OAuthError;
use hotcell_vault::oauth::OAuthIssuer;
use hotcell_vault::oauth::Provider;
use hotcell_vault::oauth::SignIn;
use hotcell_vault::oauth::SignedIn;

use crate::browser::Shown;
use crate::support::provider;
use crate::support::scopes;
use crate::support::stored;
use crate::wire::Call;
use crate::wire::Reply;
use crate::wire::Server;

/// The refresh tokens of one session, oldest first.
#[derive(Default)]
struct Session {
    given: Vec<String>,
    ended: bool,
}

impl Session {
    fn answer(&mut self, call: &Call) -> Reply {
        if call.header("apikey") != Some("sb_publishable_x") {
            return Reply::json(401, r#"{"message":"No API key found in request"}"#);
        }
        let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
        match call.target.as_str() {
            "/auth/v1/token?grant_type=password" if body["password"] == "pa\"ss wörd" => {
                *self = Self::default();
                self.token()
            }
            "/auth/v1/token?grant_type=password" => {
                Reply::json(400, r#"{"code":"invalid_credentials","message":"Invalid login credentials"}"#)
            }
            "/auth/v1/token?grant_type=refresh_token" => self.refresh(body["refresh_token"].as_str().unwrap()),
            "/auth/v1/logout?scope=local"
                if call.header("authorization").is_some_and(|value| value.starts_with("Bearer at-")) =>
            {
                self.ended = true;
                Reply::with(204, "", b"")
            }
            _ => Reply::json(404, r#"{"code":"not_found","message":"x"}"#),
        }
    }

    fn refresh(&mut self, presented: &str) -> Reply {
        let Some(index) = self.given.iter().position(|given| given == presented) else {
            return Reply::json(400, r#"{"code":"refresh_token_not_found","message":"Invalid Refresh Token"}"#);
        };
        let age = self.given.len() - 1 - index;
        if self.ended {
            return Reply::json(403, r#"{"code":"session_not_found","message":"x"}"#);
        }
        match age {
            0 => self.token(),
            // The parent: the active one is given again.
            1 => self.active(),
            _ => {
                self.ended = true;
                let body = format!(
                    r#"{{"code":400,"error_code":"refresh_token_already_used","msg":"Invalid Refresh Token: {presented}"}}"#
                );
                Reply::json(400, &body)
            }
        }
    }

    fn token(&mut self) -> Reply {
        self.given.push(format!("rt{:010}", self.given.len()));
        self.active()
    }

    fn active(&self) -> Reply {
        let (count, refresh) = (self.given.len(), self.given.last().unwrap());
        Reply::json(
            200,
            &format!(
                r#"{{"access_token":"at-{count}","token_type":"bearer","expires_in":3600,"expires_at":1,"refresh_token":"{refresh}",
                "user":{{"id":"1","email":"me@example.com"}},"weak_password":null,
                "provider_token":"provider-canary","provider_refresh_token":"provider-canary-2"}}"#
            ),
        )
    }
}

async fn project() -> (Server, Provider) {
    let session = Mutex::new(Session::default());
    let server = Server::start(move |call| session.lock().unwrap().answer(&call)).await;
    let provider = provider(&format!("dialect = \"supabase\"\nissuer = \"{}\"", server.url("/auth/v1")));
    (server, provider)
}

async fn sign_in(provider: &Provider, password: &str) -> Result<SignedIn, OAuthError> {
    let (network, (person, _shown)) = (IssuerNetwork::new(None).unwrap(), Shown::new());
    let sign_in = SignIn { service: "notes", provider, scopes: scopes(), http: &network, person: &person };
    sign_in.by_password("me@example.com", password.to_owned().into(), None).await
}

fn issuer(provider: &Provider) -> OAuthIssuer {
    OAuthIssuer::new([("notes".to_owned(), provider.clone())].into(), Arc::new(IssuerNetwork::new(None).unwrap()))
}

async fn refresh(issuer: &OAuthIssuer, token: &NewToken) -> Result<NewToken, RefreshError> {
    issuer.refresh("notes".to_owned(), stored(token)).await
}

#[tokio::test]
async fn a_password_signs_in_and_nothing_of_other_providers_is_kept() {
    let (server, provider) = project().await;
    let signed_in = sign_in(&provider, "pa\"ss wörd").await.ok().unwrap();
    assert_eq!(signed_in.account.as_deref(), Some("me@example.com"));
    assert_eq!(signed_in.issuer, Some(server.url("/auth/v1")));
    assert_eq!(signed_in.token.scopes, scopes());
    let token = stored(&signed_in.token);
    assert!(token.secrets().all(|secret| !secret.expose().contains("provider")));

    let error = sign_in(&provider, "wrong").await.err().unwrap();
    assert_eq!(error.to_string(), "the token endpoint refuses: invalid_credentials");
    assert!(Refusal::from(error).hint.contains("password"));
}

#[tokio::test]
async fn l12_the_parent_of_the_active_token_is_good_again_and_an_older_one_ends_the_session() {
    let (_server, provider) = project().await;
    let first = sign_in(&provider, "pa\"ss wörd").await.ok().unwrap().token;
    let issuer = issuer(&provider);
    let second = refresh(&issuer, &first).await.ok().unwrap();
    // The second was lost on its way: the first still gives it.
    let again = refresh(&issuer, &first).await.ok().unwrap();
    assert_eq!(again.refresh.unwrap().expose(), second.refresh.as_ref().unwrap().expose());
    let third = refresh(&issuer, &second).await.ok().unwrap();
    assert_eq!(refresh(&issuer, &first).await.err(), Some(RefreshError::Rejected));
    assert_eq!(refresh(&issuer, &third).await.err(), Some(RefreshError::Rejected));
}

#[tokio::test]
async fn signing_out_ends_this_session_and_no_other_device() {
    let (server, provider) = project().await;
    let token = sign_in(&provider, "pa\"ss wörd").await.ok().unwrap().token;
    let issuer = issuer(&provider);
    assert!(issuer.revoke("notes".to_owned(), stored(&token)).await);
    let last = server.calls.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last.target, "/auth/v1/logout?scope=local");
    assert!(!last.body.contains("rt0"), "the refresh token goes nowhere but to be refreshed");
    assert_eq!(refresh(&issuer, &token).await.err(), Some(RefreshError::Rejected));
}
