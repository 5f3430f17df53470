//! Places that each user has of their own, so that one user does not take all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use hotcell_protocol::limits;
use hotcell_vault::User;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

/// So many places for each user.
#[derive(Default)]
pub(in crate::mcp) struct Places(Mutex<HashMap<String, Arc<Semaphore>>>);

impl Places {
    /// One of the user's places; `None` if all are taken.
    pub(in crate::mcp) fn take(&self, user: &User) -> Option<OwnedSemaphorePermit> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= limits::MCP_CONNECTIONS {
            // What is in use has somebody who holds it; the rest can be made again.
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        let new = || Arc::new(Semaphore::new(limits::MCP_REQUESTS_OF_A_USER));
        Arc::clone(places.entry(user.account().to_owned()).or_insert_with(new)).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n3_a_user_who_takes_all_of_their_places_takes_none_of_another_s() {
        let places = Places::default();
        let [ada, bob] = ["ada", "bob"].map(|name| User::new("https://issuer.example", "sub", name).unwrap());
        let mut held: Vec<_> = (0..limits::MCP_REQUESTS_OF_A_USER).map(|_| places.take(&ada).unwrap()).collect();
        assert!(places.take(&ada).is_none() && places.take(&bob).is_some());
        held.pop();
        assert!(places.take(&ada).is_some());
    }
}
