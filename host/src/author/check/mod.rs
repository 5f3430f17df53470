//! `hotcell check`: what would be refused at installation, what people and agents would stumble over, and what changed since the
//! version that they use.

mod compare;
mod rules;

use hotcell_protocol::Description;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use serde::Serialize;

use crate::Granted;
use crate::Package;
use crate::catalog::declared::describe;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Weight {
    /// It must be repaired: the tool would be refused, or its callers break.
    Error,
    /// It deserves a look.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// How much it matters.
    pub(crate) weight: Weight,
    /// The rule's stable name, for scripts.
    pub(crate) rule: &'static str,
    /// What was found.
    pub(crate) what: String,
    /// What to do.
    pub(crate) repair: String,
}

impl Finding {
    fn new(weight: Weight, rule: &'static str, what: impl Into<String>, repair: impl Into<String>) -> Self {
        Self { weight, rule, what: what.into(), repair: repair.into() }
    }

    fn refused(rule: &'static str, refusal: Refusal) -> Self {
        Self::new(Weight::Error, rule, refusal.message, refusal.hint)
    }
}

/// Checks a tool. `services`: the text of the project's `service.toml`; `before`: the version that people use.
/// Errors come first.
pub(crate) fn check(package: &Package, services: Option<&str>, before: Option<&Package>) -> Vec<Finding> {
    let manifest = &package.manifest;
    let description = match describe(package) {
        Ok(description) => description,
        // Nothing else can be known of it.
        Err(refusal) => return vec![Finding::refused("component", refusal)],
    };
    let mut found = Vec::new();
    if let Err(refusal) = manifest.check_against(&description) {
        found.push(Finding::refused("manifest", refusal));
    }
    found.extend(rules::services(manifest, services));
    found.extend(rules::imports(manifest, &description));
    found.extend(rules::words(manifest, &description));
    found.extend(rules::size(&package.bytes));
    if let Some(before) = before {
        match describe(before) {
            Ok(old) => found.extend(since(before, &old, package, &description)),
            Err(refusal) => found.push(Finding::refused("earlier-component", refusal)),
        }
    }
    found.sort_by_key(|finding| finding.weight);
    found
}

/// What changed since an earlier version.
fn since(before: &Package, old: &Description, now: &Package, new: &Description) -> Vec<Finding> {
    let mut found = Vec::new();
    if before.digest == now.digest {
        return found;
    }
    let (earlier, later) = (&before.manifest.version, &now.manifest.version);
    if earlier == later {
        found.push(Finding::new(
            Weight::Warning,
            "version",
            format!("the version is {}, as it was, and the tool is another", visible(later)),
            "raise `version` in hotcell.toml, so that people can tell the two apart",
        ));
    }
    let announced = is_announced(earlier, later);
    for change in compare::changes(old, new) {
        let (weight, rule, repair) = match (change.breaks, announced) {
            (true, false) => (
                Weight::Error,
                "breaking",
                "keep what was there; or announce it by a version that breaks (1.2.3 to 2.0.0, 0.1.2 to 0.2.0)",
            ),
            (true, true) => (Weight::Warning, "breaking", "the new version announces it; tell those who call it"),
            (false, _) => (Weight::Warning, "callers", "tell those who call it"),
        };
        found.push(Finding::new(
            weight,
            rule,
            format!("{} (since {})", change.what_and_where(), visible(earlier)),
            repair,
        ));
    }
    let granted = |package: &Package| Granted::all_of(&package.manifest, package.digest, jiff::Timestamp::UNIX_EPOCH);
    for more in granted(now).beyond(&granted(before)) {
        found.push(Finding::new(
            Weight::Warning,
            "rights",
            format!("it asks for more than {}: {}", visible(earlier), visible(&more)),
            "whoever installs it is shown this, and must say yes again",
        ));
    }
    found
}

/// Whether a version says of itself that callers may break (Semantic Versioning 2.0.0, items 4 and 8): another first number that is
/// not zero. Versions in another form announce by being another.
fn is_announced(earlier: &str, later: &str) -> bool {
    let numbers = |version: &str| {
        let plain = version.split(['-', '+']).next().unwrap_or_default();
        plain.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    let (Some(earlier), Some(later)) = (numbers(earlier), numbers(later)) else { return earlier != later };
    let meaning = |numbers: &[u64]| {
        let zeros = numbers.iter().take_while(|number| **number == 0).count();
        numbers.get(..=zeros).unwrap_or(numbers).to_vec()
    };
    meaning(&later) > meaning(&earlier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_announces_by_its_first_number_that_is_not_zero() {
        for (earlier, later, announced) in [
            ("1.2.3", "2.0.0", true),
            ("1.2.3", "1.3.0", false),
            ("1.2.3", "1.2.4", false),
            ("0.1.0", "0.2.0", true),
            ("0.1.0", "0.1.1", false),
            ("0.0.1", "0.0.2", true),
            ("0.9.0", "1.0.0", true),
            ("2.0.0", "1.0.0", false),
            ("1.0.0-rc.1", "1.0.0", false),
            ("1", "2", true),
            ("0.1.0", "0.1.0", false),
            ("november", "december", true),
            ("x", "x", false),
        ] {
            assert_eq!(is_announced(earlier, later), announced, "{earlier} {later}");
        }
    }
}
