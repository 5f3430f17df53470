//! Changes of the grants: a person who installs or removes a tool in another window is noticed by one `stat` each half
//! second, and clients are told to list anew.

use std::sync::Arc;
use std::sync::Weak;

use hotcell_protocol::limits;
use rmcp::Peer;
use rmcp::RoleServer;
use rmcp::service::SubscriptionContext;
use tokio::sync::watch;

use crate::Host;
use crate::catalog::Stamp;

/// The state of the grants, as it was last seen.
pub(super) struct Changes(watch::Receiver<Stamp>);

impl Changes {
    /// Begins to look, for as long as the host is there.
    pub(super) fn watch(host: Arc<Host>) -> Self {
        let (sender, receiver) = watch::channel(host.catalog().stamp());
        tokio::spawn(look(Arc::downgrade(&host), sender));
        Self(receiver)
    }

    /// Tells a client of a revision before 2026-07-28, for as long as it is connected.
    pub(super) fn tell(&self, peer: Peer<RoleServer>) {
        let mut changes = self.0.clone();
        changes.mark_unchanged();
        tokio::spawn(async move {
            while changed(&mut changes, &peer).await {
                if peer.notify_tool_list_changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Tells a subscriber (2026-07-28) until it ends its subscription.
    pub(super) async fn tell_subscriber(&self, subscription: &SubscriptionContext) {
        let mut changes = self.0.clone();
        changes.mark_unchanged();
        loop {
            tokio::select! {
                () = subscription.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            // A subscriber to something else is no reason to end its subscription.
            drop(subscription.sink().notify_tool_list_changed().await);
        }
    }
}

/// Waits for the next change; false when the client or the server is gone.
async fn changed(changes: &mut watch::Receiver<Stamp>, peer: &Peer<RoleServer>) -> bool {
    loop {
        tokio::select! {
            changed = changes.changed() => return changed.is_ok(),
            () = tokio::time::sleep(limits::MCP_CHANGES_EVERY) => if peer.is_transport_closed() { return false },
        }
    }
}

async fn look(host: Weak<Host>, sender: watch::Sender<Stamp>) {
    let mut ticks = tokio::time::interval(limits::MCP_CHANGES_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(host) = host.upgrade() else { return };
        let now = host.catalog().stamp();
        sender.send_if_modified(|stamp| std::mem::replace(stamp, now) != now);
    }
}
