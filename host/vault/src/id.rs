//! Whose token: a service, and one of its accounts.

use crate::error::AuthError;
use crate::name::check_name;

/// The account where none is named and none was chosen.
pub(crate) const DEFAULT_ACCOUNT: &str = "default";

/// Which token is meant. From `"github"`: the service's default account. From `("github", "work")`: this account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<'a> {
    /// The service.
    pub service: &'a str,
    /// The account; `None` for the default one.
    pub account: Option<&'a str>,
}

impl<'a> Id<'a> {
    /// Refuses what is no name of a service or an account.
    pub(crate) fn check(self) -> Result<(), AuthError> {
        check_name("service", self.service)?;
        self.account.map_or(Ok(()), |account| check_name("account", account))
    }
}

impl<'a> From<&'a str> for Id<'a> {
    fn from(service: &'a str) -> Self {
        Self { service, account: None }
    }
}

impl<'a> From<&'a String> for Id<'a> {
    fn from(service: &'a String) -> Self {
        service.as_str().into()
    }
}

impl<'a> From<(&'a str, &'a str)> for Id<'a> {
    fn from((service, account): (&'a str, &'a str)) -> Self {
        Self { service, account: Some(account) }
    }
}

impl<'a> From<(&'a str, Option<&'a str>)> for Id<'a> {
    fn from((service, account): (&'a str, Option<&'a str>)) -> Self {
        Self { service, account }
    }
}

impl<'a> From<&'a Who> for Id<'a> {
    fn from(who: &'a Who) -> Self {
        (who.service.as_str(), who.account.as_str()).into()
    }
}

/// One record's name, the default account resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    pub(crate) service: String,
    pub(crate) account: String,
}
