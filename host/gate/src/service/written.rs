//! `[service.NAME]` as it is written, and what a preset adds to it.

use std::collections::BTreeMap;
use std::ops::Range;

use hotcell_vault::oauth::Provider;
use serde::Deserialize;
use toml::Spanned;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    pub(super) preset: Option<Spanned<String>>,
    pub(super) description: Option<Spanned<String>>,
    pub(super) origins: Option<Vec<Spanned<String>>>,
    pub(super) credential: Option<Spanned<Credential>>,
    pub(super) send: BTreeMap<Spanned<String>, String>,
    pub(super) request_headers: Option<Vec<Spanned<String>>>,
    pub(super) response_headers: Option<Vec<Spanned<String>>>,
    pub(super) new_credentials: Option<NewCredentials>,
    pub(super) deny: Vec<Spanned<String>>,
    pub(super) anonymous: Option<Vec<Spanned<String>>>,
    pub(super) scopes: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    pub(super) oauth: Option<Spanned<Provider>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    pub(super) header: String,
    #[serde(default)]
    pub(super) prefix: String,
}

/// What becomes of an answer in which a server hands out a new credential.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NewCredentials {
    Pass,
    Withhold,
}

impl Written {
    /// This table, and what it does not say from a preset. What a preset denies stays denied: who needs it writes the service
    /// out. `at` is where mistakes of the two together are shown.
    pub(super) fn over(self, preset: Self, at: &Range<usize>) -> Self {
        let preset = preset.moved_to(at);
        let mut send = preset.send;
        send.extend(self.send);
        let mut scopes = preset.scopes;
        for (scope, rules) in self.scopes {
            // Taken out first: a map keeps an old key, and with it the place of the preset's.
            scopes.remove(&scope);
            scopes.insert(scope, rules);
        }
        // A preset's sign-in gives tokens of the preset's server. They are not sent to another: whoever names other origins names
        // the sign-in too, or gives a key (threat I9).
        let elsewhere = match (&self.origins, &preset.origins) {
            (Some(own), Some(known)) => {
                own.iter().any(|own| !known.iter().any(|known| known.get_ref() == own.get_ref()))
            }
            _ => false,
        };
        let oauth = match (self.oauth, preset.oauth.filter(|_| !elsewhere)) {
            (Some(own), Some(preset)) => {
                let span = own.span();
                Some(Spanned::new(span, own.into_inner().over(preset.into_inner())))
            }
            (own, preset) => own.or(preset),
        };
        Self {
            preset: self.preset,
            description: self.description.or(preset.description),
            origins: self.origins.or(preset.origins),
            credential: self.credential.or(preset.credential),
            send,
            request_headers: self.request_headers.or(preset.request_headers),
            response_headers: self.response_headers.or(preset.response_headers),
            new_credentials: self.new_credentials.or(preset.new_credentials),
            deny: preset.deny.into_iter().chain(self.deny).collect(),
            anonymous: self.anonymous.or(preset.anonymous),
            scopes,
            oauth,
        }
    }

    /// Places in a preset's file mean nothing in the operator's.
    fn moved_to(self, at: &Range<usize>) -> Self {
        let all = |texts: Vec<Spanned<String>>| texts.into_iter().map(|text| moved(text, at)).collect::<Vec<_>>();
        Self {
            preset: None,
            description: self.description.map(|text| moved(text, at)),
            origins: self.origins.map(all),
            credential: self.credential.map(|credential| moved(credential, at)),
            send: self.send.into_iter().map(|(name, value)| (moved(name, at), value)).collect(),
            request_headers: self.request_headers.map(all),
            response_headers: self.response_headers.map(all),
            new_credentials: self.new_credentials,
            deny: all(self.deny),
            anonymous: self.anonymous.map(all),
            scopes: self.scopes.into_iter().map(|(scope, rules)| (moved(scope, at), all(rules))).collect(),
            oauth: self.oauth.map(|oauth| moved(oauth, at)),
        }
    }
}

fn moved<T>(what: Spanned<T>, at: &Range<usize>) -> Spanned<T> {
    Spanned::new(at.clone(), what.into_inner())
}
