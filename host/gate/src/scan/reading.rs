//! The scan of a body while it comes: most of the work is done while the network has the rest of it.
//!
//! What has come is looked at once, for what a secret would begin with. Nothing is decided before the body is whole: where that
//! look found nothing, the body holds no secret as it is; where it did, all of the body is scanned as if nobody had looked.

use std::sync::Arc;

use super::Secrets;
use super::unescape;

/// Bytes that are waited for before the next look: small enough to be in a core's own cache still. Tests have
/// small texts.
const PIECE: usize = if cfg!(test) { 32 } else { 64 * 1024 };

/// A look at a body that grows.
pub struct Reading {
    secrets: Arc<Secrets>,
    /// Bytes that were looked at.
    seen: usize,
    /// What a secret begins with was seen.
    suspect: bool,
    /// Something was seen that may be an escape.
    escapes: bool,
}

impl Reading {
    /// Nothing was seen yet.
    pub(crate) fn new(secrets: Arc<Secrets>) -> Self {
        Self { secrets, seen: 0, suspect: false, escapes: false }
    }

    /// All of a body that has come so far: what it was the last time, and more.
    pub(crate) fn more(&mut self, body: &[u8]) {
        if body.len() - self.seen.min(body.len()) >= PIECE {
            self.look(body);
        }
    }

    /// Whether the whole body holds one of these secrets, which may be others than those that were looked for.
    pub(crate) fn found(mut self, secrets: &Arc<Secrets>, body: &[u8]) -> bool {
        self.look(body);
        if self.suspect || !Arc::ptr_eq(secrets, &self.secrets) {
            return secrets.are_in(body);
        }
        secrets.short_ones_are_in(body) || self.escapes && secrets.are_behind_escapes(body)
    }

    fn look(&mut self, body: &[u8]) {
        if !self.suspect {
            self.suspect = self.secrets.may_be_in(body, self.seen);
            self.escapes |= unescape::next(body.get(self.seen..).unwrap_or_default()).is_some();
            self.seen = body.len();
        }
    }
}
