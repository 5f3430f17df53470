//! The name of an action before agents: `tool_interface_function`, in the alphabet that every client takes.

use hotcell_protocol::Digest;

/// Strict clients refuse longer names, and others than `^[a-zA-Z0-9_-]{1,64}$`.
const LONGEST: usize = 64;
/// Digits of the hash behind a name that does not fit: 2^40 of them, so that nobody makes two equal ones by chance.
const DIGITS: usize = 10;

/// The name of an action. It depends on the tool and the action alone, never on what else is installed, and no two
/// actions have the same: a tool's name has no `_`, and whatever does not fit as it is carries its hash.
pub(super) fn name(tool: &str, action: &str) -> String {
    seen(tool, action).0
}

/// The same, and whether it is the plain one.
pub(crate) fn seen(tool: &str, action: &str) -> (String, bool) {
    let parts: Vec<&str> = action.splitn(2, '.').collect();
    let fits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let plain = format!("{tool}_{}", parts.join("_"));
    if parts.iter().all(fits) && plain.len() <= LONGEST {
        return (plain, true);
    }
    let hash: String = Digest::of(format!("{tool}\0{action}").as_bytes()).to_string().chars().take(DIGITS).collect();
    let readable = format!("{tool}_{action}");
    let readable = readable.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' });
    let head: String = readable.take(LONGEST - DIGITS - 1).collect();
    (format!("{head}_{hash}"), false)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn usual_names_are_tool_interface_and_function() {
        assert_eq!(name("github-issues", "list-issues"), "github-issues_list-issues");
        assert_eq!(name("issues", "api.list"), "issues_api_list");
    }

    #[test]
    fn whatever_does_not_fit_gets_a_stable_hash_and_stays_in_the_alphabet() {
        let long = "f".repeat(70);
        let odd = ["acme:issues/api@1.0.0.list", "acme:issues/api@2.0.0.list", long.as_str(), "", "a_b", "../x", "é"];
        let names: BTreeSet<_> = odd.iter().map(|action| name("tool", action)).collect();
        assert_eq!(names.len(), odd.len(), "{names:?}");
        for name in &names {
            assert!(name.len() <= LONGEST, "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{name}");
        }
        assert_eq!(name("tool", "a_b"), name("tool", "a_b"));
        assert_ne!(name("tool", "a_b"), name("tool", "a.b"));
        assert_ne!(name(&"t".repeat(64), "a"), name(&"t".repeat(64), "b"));
    }
}
