//! Where in the arguments a mistake is: `arguments.filter.labels[2]`. Built only when it is written.

use std::fmt;

use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;

/// A path from the arguments' root to a value, linked backwards on the stack.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    /// The arguments themselves.
    Root,
    /// A field of an object.
    Field(&'a Self, &'a str),
    /// An element of an array.
    Item(&'a Self, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("arguments"),
            Self::Field(parent, name) => write!(f, "{parent}.{}", cut(&visible(name), 80)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
