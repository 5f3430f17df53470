//! Signing out: here first, then at the server.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::error::AuthError;
use crate::error::Reason;
use crate::error::StoreError;
use crate::error::required;
use crate::file::Earlier;
use crate::id::Id;
use crate::meta::Meta;
use crate::record::Secrets;
use crate::refresh::revoke;
use crate::store::AuthStore;
use crate::token::Token;

impl AuthStore {
    /// Takes a token out, from the file, its backup and this memory, and then tells the server, which has five seconds: true
    /// if it took the revocation. A tombstone stays, so that a writer who was late sees it: what a refresh under way brings is
    /// not stored, and revoked too. Other processes see it within 200 ms of their next call.
    ///
    /// Dropping the future stops neither.
    ///
    /// # Errors
    /// [`AuthError::AuthenticationRequired`] if nobody is signed in; [`AuthError::Store`] if it cannot be written.
    pub async fn clear_token<'a>(&self, id: impl Into<Id<'a>>) -> Result<bool, AuthError> {
        let id = id.into();
        id.check()?;
        let (service, account) = (id.service.to_owned(), id.account.map(str::to_owned));
        let store = self.clone();
        let Ok(runtime) = Handle::try_current() else {
            forget(&store, (&*service, account.as_deref()).into())?;
            return Ok(false);
        };
        let signed_out = runtime.spawn(async move {
            let (own, name) = (store.clone(), service.clone());
            let token = spawn_blocking(move || forget(&own, (&*name, account.as_deref()).into())).await;
            match token.map_err(|_| STOPPED)?? {
                Some(token) => Ok(revoke(&store, service, token).await),
                None => Ok(false),
            }
        });
        signed_out.await.map_err(|_| STOPPED)?
    }
}

const STOPPED: StoreError = StoreError::Io("file cannot be written", std::io::ErrorKind::Interrupted);

/// Takes the token out; what there is to revoke, if it opens.
fn forget(store: &AuthStore, id: Id<'_>) -> Result<Option<Arc<Token>>, AuthError> {
    let shared = &*store.shared;
    shared.change(Earlier::Forget, |draft| {
        let record = draft.stored.find(id).filter(|record| record.holds_token());
        let record = record.ok_or_else(|| required(id, None, Reason::NotSignedIn))?;
        // A record that does not open is taken out all the same.
        let token = record.token(draft.key).ok();
        let who = record.who();
        draft.put(Meta::tombstone(&who, &*shared.clock), Secrets::Forget)?;
        Ok(token)
    })
}
