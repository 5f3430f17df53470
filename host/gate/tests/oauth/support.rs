//! What the tests share: services, stores, sign-ins.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_gate::IssuerNetwork;
use hotcell_gate::Services;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Token;
use hotcell_vault::oauth::OAuthError;
use hotcell_vault::oauth::Provider;
use hotcell_vault::oauth::SignIn;
use hotcell_vault::oauth::SignedIn;
use url::Url;

use crate::browser::Shown;

/// The provider of a service `notes` with this `oauth` table.
pub(crate) fn provider(oauth: &str) -> Provider {
    let services = Services::parse(
        &format!(
            r#"
            [service.notes]
            origins = ["https://api.example.com"]
            send = {{ apikey = "sb_publishable_x" }}
            [service.notes.scopes]
            "notes:read" = ["GET /notes"]
            "notes:write" = ["POST /notes"]
            [service.notes.oauth]
            {oauth}
            "#
        ),
        "config.toml",
    );
    services.unwrap().sign_in("notes").unwrap().clone()
}

/// A provider that discovers a server.
pub(crate) fn discovered(issuer: &str) -> Provider {
    provider(&format!(
        r#"
        issuer = "{issuer}"
        client_id = "cli"
        discovery = true
        always_scopes = ["openid", "offline_access"]
        authorization_parameters = {{ prompt = "consent" }}
        scopes = {{ "notes:read" = ["notes.read"] }}
        "#
    ))
}

pub(crate) fn network() -> IssuerNetwork {
    IssuerNetwork::new(None).unwrap()
}

pub(crate) fn scopes() -> BTreeSet<String> {
    BTreeSet::from(["notes:read".to_owned(), "notes:write".to_owned()])
}

/// Signs in by the browser; `answer` gets the authorisation request and goes the person's way.
pub(crate) async fn by_browser<F: Future<Output = ()>>(
    provider: &Provider,
    answer: impl FnOnce(Url) -> F,
) -> Result<SignedIn, OAuthError> {
    let (network, (person, mut shown)) = (network(), Shown::new());
    let sign_in = SignIn { service: "notes", provider, scopes: scopes(), http: &network, person: &person };
    let visit = async {
        // A flow that ends before it shows anything closes nothing: the other half ends the wait.
        if let Some(url) = shown.recv().await {
            answer(url).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        signed_in = sign_in.by_browser(None) => signed_in,
        () = visit => unreachable!(),
    }
}

/// A token as the store hands it out.
pub(crate) fn stored(token: &NewToken) -> Arc<Token> {
    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
    }
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let store = AuthStore::open(dir, &Key::Memory([9; 32])).unwrap_or_else(|error| panic!("{error}"));
    store.set_token("notes", token).unwrap();
    store.live_tokens().unwrap().remove(0)
}
