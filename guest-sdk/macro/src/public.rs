//! Public rules, as the host reads them (`hotcell inspect` and `install` have the last word): what could never be installed is
//! told where it stands.

const FORM: &str = "write it as in `GET https://api.example.com/v1/**`";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Methods, an exact `https` origin, a path template.
///
/// # Errors
/// What is wrong with it, and the repair.
pub(crate) fn check(rule: &str) -> Result<(), String> {
    let bad = |why: &str| Err(format!("`{rule}` is no public rule: {why}; {FORM}"));
    let Some((methods, url)) = rule.split_once(' ') else {
        return bad("it needs a method and a URL, with one space between");
    };
    if let Some(other) = methods.split(',').find(|method| !METHODS.contains(method)) {
        return bad(&format!("`{other}` is no method, GET, HEAD, POST, PUT, PATCH and DELETE are"));
    }
    let Some(rest) = url.strip_prefix("https://") else {
        return bad("the URL does not start with https://");
    };
    let Some((host, path)) = rest.split_once('/') else {
        return bad("there is no path, at least `/`");
    };
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':');
    if name.is_empty() || !host.bytes().all(plain) || !name.contains(|c: char| c.is_ascii_lowercase()) {
        return bad("the host is a name in lower case, not an address, a pattern or a user");
    }
    if !path.bytes().all(|b| b.is_ascii_graphic()) || path.contains('#') {
        return bad("the path has a space, a `#` or a character outside ASCII");
    }
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    if path.split('/').any(|part| part == ".." || part == ".") {
        return bad("the path has a dot segment");
    }
    if path.strip_suffix("**").unwrap_or(path).contains('*') {
        return bad("`*` stands only at the end, as `/**`; a part of a path is `{name}`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_the_host_takes_pass() {
        for rule in [
            "GET https://api.example.com/",
            "GET,HEAD https://api.example.com:8443/v1/{id}",
            "GET https://api.example.com/v1/{id}?page&{sort:up|down}",
            "POST https://1.example.com/**",
        ] {
            assert_eq!(check(rule), Ok(()), "{rule}");
        }
    }

    #[test]
    fn rules_that_could_never_be_installed_are_refused_with_the_form() {
        for rule in [
            "",
            "https://api.example.com/",
            "TRACE https://api.example.com/",
            "get https://api.example.com/",
            "GET http://api.example.com/",
            "GET https://*.example.com/",
            "GET https://api.example.com",
            "GET https://u@api.example.com/",
            "GET https://127.0.0.1/",
            "GET https://API.example.com/",
            "GET https://api.example.com/../",
            "GET https://api.example.com/a*",
            "GET https://api.example.com/**/b",
            "GET https://api.example.com/ b",
        ] {
            assert!(check(rule).unwrap_err().ends_with(FORM), "{rule}");
        }
    }
}
