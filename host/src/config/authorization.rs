//! `[serve.authorization]`: which authorisation server says who calls over HTTP, and what its tokens must be for.

use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use hotcell_vault::AuthError;
use hotcell_vault::User;
use hotcell_vault::oauth::Endpoint;
use serde::Deserialize;
use url::Url;

/// The claim that names the user, unless the operator says another (RFC 9068 §2.2).
const USER_CLAIM: &str = "sub";
/// Scopes that may be demanded; more would not fit into a challenge.
const SCOPES: usize = 32;

/// Who says who calls, and for what its tokens must be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Authorization {
    /// The authorisation server, exactly as it writes itself (RFC 8414 §3.3).
    pub issuer: Endpoint,
    /// The address of this server as clients know it (RFC 8707 §2, RFC 9728 §1.2).
    pub resource: Url,
    /// The same as it was written: clients ask for tokens for just this text, and servers put it into them.
    pub written: String,
    /// What `aud` must name; the resource, unless the operator says something else.
    pub audience: String,
    /// Where the issuer's keys are; `None`: as its metadata says.
    pub jwks_uri: Option<Endpoint>,
    /// Scopes that each token must have.
    pub scopes: Vec<String>,
    /// The claim that names the user.
    pub user_claim: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    issuer: String,
    resource: String,
    audience: Option<String>,
    jwks_uri: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    user_claim: Option<String>,
}

impl TryFrom<Raw> for Authorization {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let resource = resource(&raw.resource).map_err(|why| {
            format!("{} {why}; write it as in https://hotcell.example.com/mcp", named("resource", &raw.resource))
        })?;
        if raw.scopes.len() > SCOPES {
            return Err(format!(
                "`serve.authorization.scopes` has more than {SCOPES} scopes; name those that all need"
            ));
        }
        for scope in &raw.scopes {
            // They stand in a header between quotes (RFC 6750 §3).
            let fits = scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
            if scope.is_empty() || scope.len() > 128 || !fits {
                let named = named("scopes", scope);
                return Err(format!("{named} is no scope (RFC 6749 section 3.3); write each as its own text"));
            }
        }
        let plain = |field: &str, text: String| match (1..=512).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_graphic())
        {
            true => Ok(text),
            false => Err(format!("{} is no name; use 1 to 512 visible ASCII characters", named(field, &text))),
        };
        Ok(Self {
            issuer: issuer(raw.issuer)?,
            audience: plain("audience", raw.audience.unwrap_or_else(|| raw.resource.clone()))?,
            written: raw.resource,
            jwks_uri: raw.jwks_uri.map(|text| endpoint("jwks_uri", text)).transpose()?,
            user_claim: plain("user_claim", raw.user_claim.unwrap_or_else(|| USER_CLAIM.to_owned()))?,
            scopes: raw.scopes,
            resource,
        })
    }
}

impl Authorization {
    /// The user of this name.
    ///
    /// # Errors
    /// [`AuthError::Name`] for a name that no user has.
    pub(crate) fn user(&self, name: &str) -> Result<User, AuthError> {
        User::new(self.issuer.as_str(), &self.user_claim, name)
    }

    /// The name, and the port if it is no usual one, under which clients ask for this server.
    pub(crate) fn host(&self) -> String {
        let host = self.resource.host_str().unwrap_or_default();
        self.resource.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

fn named(field: &str, text: &str) -> String {
    format!("`serve.authorization.{field}`: `{}`", cut(&visible(text), 200))
}

fn endpoint(field: &str, text: String) -> Result<Endpoint, String> {
    Endpoint::try_from(text).map_err(|why| format!("`serve.authorization.{field}`: {why}"))
}

/// An issuer has no query (RFC 8414 §2): the well-known path is put before its own.
fn issuer(text: String) -> Result<Endpoint, String> {
    let issuer = endpoint("issuer", text)?;
    match issuer.url().query() {
        None => Ok(issuer),
        Some(_) => Err(format!("{} has a query; write it as its metadata does", named("issuer", issuer.as_str()))),
    }
}

/// An address that clients compare by its text: canonical, encrypted or on this machine.
fn resource(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no absolute URL")?;
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return Err("is not encrypted; use https (http is for this machine alone)");
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("has a query, a fragment, a user name or a password");
    }
    if url.as_str() != text && url.as_str().strip_suffix('/') != Some(text) {
        return Err("is not in its canonical form");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Serve;

    const GOOD: &str = "issuer = \"https://id.example.com\"\nresource = \"https://hotcell.example.com/mcp\"\n";

    fn read(text: &str) -> Result<Authorization, String> {
        #[derive(Deserialize)]
        struct Whole {
            serve: Serve,
        }
        let whole: Result<Whole, _> = toml::from_str(&format!("[serve.authorization]\n{text}"));
        whole.map(|whole| whole.serve.authorization.unwrap()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_left_out_has_a_safe_meaning() {
        let read = read(GOOD).unwrap();
        assert_eq!((read.audience.as_str(), read.user_claim.as_str()), ("https://hotcell.example.com/mcp", "sub"));
        assert!(read.jwks_uri.is_none() && read.scopes.is_empty());
        assert_eq!(read.host(), "hotcell.example.com");
        let bare = super::tests::read(&GOOD.replace("/mcp", "")).unwrap();
        assert_eq!(
            (bare.audience.as_str(), bare.written.as_str()),
            ("https://hotcell.example.com", "https://hotcell.example.com")
        );
        let local =
            super::tests::read("issuer = \"http://127.0.0.1:9\"\nresource = \"http://127.0.0.1:8717/mcp\"").unwrap();
        assert_eq!(local.host(), "127.0.0.1:8717");
    }

    #[test]
    fn each_bad_field_is_named_with_its_repair() {
        for (field, line) in [
            ("issuer", "issuer = \"http://id.example.com\""),
            ("issuer", "issuer = \"https://id.example.com?a=b\""),
            ("issuer", "issuer = \"https://10.0.0.1\""),
            ("issuer", "issuer = \"id.example.com\""),
            ("resource", "resource = \"http://hotcell.example.com/mcp\""),
            ("resource", "resource = \"https://hotcell.example.com/mcp#a\""),
            ("resource", "resource = \"https://hotcell.example.com/mcp?a\""),
            ("resource", "resource = \"https://HOTCELL.example.com/mcp\""),
            ("resource", "resource = \"https://hotcell.example.com:443/mcp\""),
            ("resource", "resource = \"https://u@hotcell.example.com/mcp\""),
            ("resource", "resource = \"https://hotcell.example.com/\\\"mcp\""),
            ("resource", "resource = \"/mcp\""),
            ("jwks_uri", "jwks_uri = \"http://id.example.com/keys\""),
            ("jwks_uri", "jwks_uri = \"file:///etc/passwd\""),
            ("scopes", "scopes = [\"a b\"]"),
            ("scopes", "scopes = [\"a\\\"b\"]"),
            ("scopes", "scopes = [\"\"]"),
            ("audience", "audience = \"\""),
            ("audience", "audience = \"a b\""),
            ("user_claim", "user_claim = \"\""),
            ("user_claim", "user_claim = \"e\\u0000\""),
        ] {
            let kept: String = GOOD
                .lines()
                .filter(|kept| !kept.starts_with(&format!("{field} ")))
                .map(|kept| format!("{kept}\n"))
                .collect();
            let why = read(&format!("{kept}{line}\n")).unwrap_err();
            assert!(why.contains(&format!("serve.authorization.{field}")) && why.contains("; "), "{line}: {why}");
        }
        assert!(read("issuer = \"https://id.example.com\"\n").unwrap_err().contains("resource"));
        assert!(read(&format!("{GOOD}secret = \"x\"\n")).unwrap_err().contains("secret"));
        let many = format!("scopes = [{}]", "\"a\",".repeat(SCOPES + 1));
        assert!(read(&format!("{GOOD}{many}\n")).unwrap_err().contains("serve.authorization.scopes"));
    }
}
