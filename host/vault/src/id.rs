//! Whose token: a service, and one of its accounts.

use crate::error::AuthError;
use crate::name::check_name;
use crate::user;
use crate::user::User;

/// The account where none is named and none was chosen.
pub(crate) const DEFAULT_ACCOUNT: &str = "default";

/// Which token is meant. From `"github"`: the service's default account. From `("github", "work")`: this account. From
/// `("github", &user)`: this user's, which is never the default one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<'a> {
    /// The service.
    pub service: &'a str,
    /// The account; `None` for the default one.
    pub account: Option<&'a str>,
    /// The user whose account it is; `None` for those of whoever runs the host.
    pub user: Option<&'a User>,
}

impl<'a> Id<'a> {
    /// Refuses what is no name of a service or an account.
    pub(crate) fn check(self) -> Result<(), AuthError> {
        check_name("service", self.service)?;
        match self.account {
            Some(account) if !user::is_name(account) => check_name("account", account),
            _ => Ok(()),
        }
    }
}

impl<'a> From<&'a str> for Id<'a> {
    fn from(service: &'a str) -> Self {
        Self { service, account: None, user: None }
    }
}

impl<'a> From<&'a String> for Id<'a> {
    fn from(service: &'a String) -> Self {
        service.as_str().into()
    }
}

impl<'a> From<(&'a str, &'a str)> for Id<'a> {
    fn from((service, account): (&'a str, &'a str)) -> Self {
        (service, Some(account)).into()
    }
}

impl<'a> From<(&'a str, Option<&'a str>)> for Id<'a> {
    fn from((service, account): (&'a str, Option<&'a str>)) -> Self {
        Self { service, account, user: None }
    }
}

impl<'a> From<(&'a str, &'a User)> for Id<'a> {
    fn from((service, user): (&'a str, &'a User)) -> Self {
        Self { service, account: Some(user.account()), user: Some(user) }
    }
}

/// A user's where there is one.
impl<'a> From<(&'a str, Option<&'a User>)> for Id<'a> {
    fn from((service, user): (&'a str, Option<&'a User>)) -> Self {
        user.map_or_else(|| service.into(), |user| (service, user).into())
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
