//! A tool's name, as `hotcell new` takes it.

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::shown;

use crate::catalog::is_name;

/// Names of packages that a project's own must not take.
const TAKEN: [&str; 3] = ["hotcell", "hotcell-sdk", "hotcell-sdk-macro"];

/// Checks a name.
///
/// # Errors
/// [`Code::BadArguments`] with one that would do.
pub(super) fn check(name: &str) -> Result<(), Refusal> {
    if TAKEN.contains(&name) {
        return Err(Refusal::new(
            Code::BadArguments,
            format!("`{name}` is the name of a part of Hotcell"),
            format!("add what the tool does, for instance `{name}-stars`"),
        ));
    }
    if is_name(name) {
        return Ok(());
    }
    let better = suggestion(name);
    let instead = if better.is_empty() { String::new() } else { format!(": hotcell new {better}") };
    Err(Refusal::new(
        Code::BadArguments,
        format!("`{}` cannot be a tool's name", shown(name, 100)),
        format!("use 1 to 64 lower-case letters, digits and `-`, a letter first{instead}"),
    ))
}

/// The nearest name that is one, or nothing.
fn suggestion(name: &str) -> String {
    let mut out = String::new();
    for c in name.rsplit('/').next().unwrap_or_default().chars() {
        match c {
            'a'..='z' | '0'..='9' if !out.is_empty() || c.is_ascii_lowercase() => out.push(c),
            'A'..='Z' => out.push(c.to_ascii_lowercase()),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    out.truncate(64);
    out.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_name_is_refused_with_one_that_would_do() {
        for (name, better) in [
            ("My Tool", "my-tool"),
            ("github_issues", "github-issues"),
            ("a/b/Stars", "stars"),
            ("../x", "x"),
            ("2fast", "fast"),
            ("x\u{202e}y", "x-y"),
            ("trailing--", "trailing"),
        ] {
            if name == "trailing--" {
                assert_eq!(suggestion(name), better);
                continue;
            }
            let refusal = check(name).unwrap_err();
            assert_eq!(refusal.code, Code::BadArguments);
            assert!(refusal.hint.ends_with(&format!("hotcell new {better}")), "{name}: {}", refusal.hint);
            assert!(is_name(better));
            assert!(!refusal.message.contains('\u{202e}'));
        }
        assert!(!check("").unwrap_err().hint.contains("hotcell new"));
        assert!(check(&"a".repeat(65)).is_err());
        assert!(check("a-1").is_ok());
        assert!(check("hotcell-sdk").is_err());
    }
}
