//! A token: as it comes in, as it is handed out, as it is written down.

use std::collections::BTreeSet;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::secret::Secret;

/// A token as it comes in: `NewToken { refresh, ..NewToken::of(access) }`.
pub struct NewToken {
    /// The access token, or a static key.
    pub access: Secret,
    /// The refresh token, if the server gave one. A refresh that brings none keeps the old one (RFC 6749 §6).
    pub refresh: Option<Secret>,
    /// The secret of the client, where tokens are had with it (RFC 6749 §4.4). A refresh that brings none keeps the old one.
    pub client_secret: Option<Secret>,
    /// How long the access token lives from now on; `None` if nobody said: then it is used until the server refuses it.
    /// Zero is expired, more than a year is a year (threat L18).
    pub expires_in: Option<Duration>,
    /// The scopes that it has. Empty in the result of a refresh: unchanged. A refresh never adds one (threat L11).
    pub scopes: BTreeSet<String>,
    /// Which authorisation server gave it, if one did. For people.
    pub issuer: Option<String>,
    /// What the server calls the account. For people.
    pub display_account: Option<String>,
}

impl NewToken {
    /// A token of which nothing but its text is known.
    #[must_use]
    pub fn of(access: Secret) -> Self {
        Self {
            access,
            refresh: None,
            client_secret: None,
            expires_in: None,
            scopes: BTreeSet::new(),
            issuer: None,
            display_account: None,
        }
    }
}

/// A token as it is handed out. The secrets in it have no `Debug`, and neither has this.
pub struct Token {
    access: Secret,
    refresh: Option<Secret>,
    /// The refresh token before this one: some servers take it once more, from a client that could not save the new one.
    previous: Option<Secret>,
    client_secret: Option<Secret>,
}

impl Token {
    /// The access token.
    #[must_use]
    pub fn access(&self) -> &Secret {
        &self.access
    }

    /// The refresh token: for the authorisation server alone (threat L16).
    #[must_use]
    pub fn refresh(&self) -> Option<&Secret> {
        self.refresh.as_ref()
    }

    /// The secret of the client: for the authorisation server alone.
    #[must_use]
    pub fn client_secret(&self) -> Option<&Secret> {
        self.client_secret.as_ref()
    }

    /// All secrets of the token, for the scan of what comes back.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.access).chain(&self.refresh).chain(&self.previous).chain(&self.client_secret)
    }

    /// What is stored of a token that a person put in.
    pub(crate) fn first(new: &NewToken) -> Self {
        let [refresh, client_secret] =
            [&new.refresh, &new.client_secret].map(|secret| secret.as_ref().map(Secret::copy));
        Self { access: new.access.copy(), refresh, previous: None, client_secret }
    }

    /// What is stored after a refresh for which `self` was sent: what the reply does not bring stays.
    pub(crate) fn renewed(&self, new: &NewToken) -> Self {
        let rotated = match (&new.refresh, &self.refresh) {
            (Some(new), Some(old)) => new.expose() != old.expose(),
            (new, _) => new.is_some(),
        };
        let (refresh, previous) = if rotated { (&new.refresh, &self.refresh) } else { (&self.refresh, &self.previous) };
        Self {
            access: new.access.copy(),
            refresh: refresh.as_ref().map(Secret::copy),
            previous: previous.as_ref().map(Secret::copy),
            client_secret: new.client_secret.as_ref().or(self.client_secret.as_ref()).map(Secret::copy),
        }
    }

    /// The same with the refresh token before this one in its place, for one more try; `None` if none was kept.
    pub(crate) fn with_previous(&self) -> Option<Self> {
        let previous = self.previous.as_ref()?;
        Some(Self {
            access: self.access.copy(),
            refresh: Some(previous.copy()),
            previous: None,
            client_secret: self.client_secret.as_ref().map(Secret::copy),
        })
    }

    /// The secrets as they are encrypted: a line for each, its name before it. A secret is visible ASCII, so that nothing
    /// needs escapes, whose scratch buffers nobody would wipe (threat G8). Lines of other names are of later versions.
    pub(crate) fn write(&self) -> Zeroizing<Vec<u8>> {
        let lines = [
            (ACCESS, Some(&self.access)),
            (REFRESH, self.refresh.as_ref()),
            (PREVIOUS, self.previous.as_ref()),
            (CLIENT, self.client_secret.as_ref()),
        ];
        let lines = lines.into_iter().filter_map(|(name, secret)| Some((name, secret?)));
        let length = lines.clone().map(|(name, secret)| name.len() + secret.len() + 1).sum();
        // The whole length at once: a vector that grows leaves its earlier buffers behind, unwiped.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        for (name, secret) in lines {
            for part in [name.as_bytes(), secret.expose().as_bytes(), b"\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    /// The token of decrypted secrets; `None` for what [`Token::write`] never wrote.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let find = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(Secret::new(Zeroizing::new(line.to_owned())).ok())
        };
        let [refresh, previous, client_secret] = [REFRESH, PREVIOUS, CLIENT].map(|name| match find(name) {
            Some(secret) => secret.map(Some),
            None => Some(None),
        });
        Some(Self { access: find(ACCESS)??, refresh: refresh?, previous: previous?, client_secret: client_secret? })
    }
}

const ACCESS: &str = "access ";
const REFRESH: &str = "refresh ";
const PREVIOUS: &str = "previous-refresh ";
const CLIENT: &str = "client-secret ";

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned().into()).unwrap()
    }

    fn token(refresh: Option<&str>, client: Option<&str>) -> Token {
        let [refresh, client_secret] = [refresh, client].map(|text| text.map(secret));
        Token::first(&NewToken { refresh, client_secret, ..NewToken::of(secret("at-1")) })
    }

    fn shown(token: &Token) -> [Option<&str>; 4] {
        let [refresh, previous, client] =
            [&token.refresh, &token.previous, &token.client_secret].map(|secret| secret.as_ref().map(Secret::expose));
        [Some(token.access.expose()), refresh, previous, client]
    }

    #[test]
    fn the_secrets_of_a_token_come_back_as_they_went_in() {
        let odd = r#"a"b\c'{}access"#;
        for (refresh, client) in
            [(None, None), (Some(odd), None), (None, Some(odd)), (Some("previous-refresh"), Some(odd))]
        {
            let token = token(refresh, client);
            let written = token.write();
            assert_eq!(written.len(), written.capacity(), "g8: a buffer grew");
            let read = Token::read(&written).unwrap();
            assert_eq!(shown(&read), shown(&token));
            assert_eq!(read.secrets().count(), shown(&read).iter().flatten().count());
        }
    }

    #[test]
    fn what_was_never_written_is_no_token() {
        let bad: [&[u8]; 7] = [
            b"",
            b"access \n",
            b"refresh abc\n",
            b"access a b\n",
            b"access \xff\n",
            b"acces abc\n",
            b"access abc\nrefresh \n",
        ];
        for bad in bad {
            assert!(Token::read(bad).is_none(), "{bad:?}");
        }
        let later = Token::read(b"dpop key\nprevious-refresh old\naccess new\n").unwrap();
        assert_eq!(shown(&later), [Some("new"), None, Some("old"), None]);
    }

    #[test]
    fn a_refresh_keeps_what_its_reply_does_not_bring() {
        let held = token(Some("rt-1"), Some("client"));
        let bare = held.renewed(&NewToken::of(secret("at-2")));
        assert_eq!(shown(&bare), [Some("at-2"), Some("rt-1"), None, Some("client")]);
        let same = held.renewed(&NewToken { refresh: Some(secret("rt-1")), ..NewToken::of(secret("at-2")) });
        assert_eq!(shown(&same), shown(&bare));
        let rotated = held.renewed(&NewToken { refresh: Some(secret("rt-2")), ..NewToken::of(secret("at-2")) });
        assert_eq!(shown(&rotated), [Some("at-2"), Some("rt-2"), Some("rt-1"), Some("client")]);
        assert_eq!(shown(&rotated.with_previous().unwrap()), [Some("at-2"), Some("rt-1"), None, Some("client")]);
        assert!(held.with_previous().is_none());
    }
}
