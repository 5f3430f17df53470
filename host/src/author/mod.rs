//! The author's room.

pub(crate) mod kit;
