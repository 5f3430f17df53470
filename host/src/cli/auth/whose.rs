//! Whose token a command is about: the operator's default account, another account of theirs, or a user's.

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_vault::Id;
use hotcell_vault::User;

use crate::Host;

/// Whose token it is.
pub(super) struct Whose {
    account: Option<String>,
    user: Option<User>,
}

impl Whose {
    /// As the command line says. A user is one of the authorisation server in the configuration.
    ///
    /// # Errors
    /// [`Code::BadConfig`] for a user of a host that serves none, [`Code::BadArguments`] for a name that no user has.
    pub(super) fn of(host: &Host, account: Option<&str>, user: Option<&str>) -> Result<Self, Refusal> {
        let user = user.map(|subject| {
            let authorization = host.serve().authorization.as_ref().ok_or_else(|| {
                Refusal::new(
                    Code::BadConfig,
                    "this host serves no users, so nobody would use that token",
                    "write [serve.authorization] in config.toml first (docs/users.md), or leave --user out",
                )
            })?;
            Ok::<_, Refusal>(authorization.user(subject)?)
        });
        Ok(Self { account: account.map(str::to_owned), user: user.transpose()? })
    }

    /// The record that is meant.
    pub(super) fn id<'a>(&'a self, service: &'a str) -> Id<'a> {
        match &self.user {
            Some(user) => (service, user).into(),
            None => (service, self.account.as_deref()).into(),
        }
    }

    /// The account by name; `None` for the default one.
    pub(super) fn account(&self) -> Option<&str> {
        self.user.as_ref().map(User::account).or(self.account.as_deref())
    }

    /// As an option of the command line, a space before it.
    pub(super) fn option(&self) -> String {
        match (&self.user, &self.account) {
            (Some(user), _) => format!(" {user}"),
            (None, Some(account)) => format!(" --account {account}"),
            (None, None) => String::new(),
        }
    }
}
