//! The words of `hotcell auth`.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

/// `hotcell auth …`
#[derive(Debug, Subcommand)]
pub enum Auth {
    /// Sign in to a service: in the browser, by a code on another device, or as it offers
    Signin(AuthSignin),
    /// Put a token or key into the store: typed without echo, or read from standard input. Never an argument
    Set(AuthSet),
    /// Show who is signed in where, without any secret
    Status(AuthStatus),
    /// Get a new token now; tokens are also refreshed by themselves when they are due
    Refresh(AuthRefresh),
    /// Choose the account that tools use
    Default(AuthDefault),
    /// Take tokens out of the store, and revoke them where the service offers it
    Logout(AuthLogout),
    /// List services and presets, and explain one: scopes, rules, what is always denied
    Services(AuthServices),
}

/// `hotcell auth set`
#[derive(Debug, Args)]
pub struct AuthSet {
    /// Name of the service, as in config.toml
    pub service: String,
    /// A scope that the token has; repeat it for more
    #[arg(long = "scope", short, value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Seconds until the token expires; without it, it is used until the server refuses it
    #[arg(long, value_name = "SECONDS")]
    pub expires_in: Option<u64>,
    /// User name, for a service that takes user and password (HTTP Basic); the password is asked for
    #[arg(long, value_name = "USER")]
    pub basic: Option<String>,
    /// A name for this account, where there are several
    #[arg(long, value_name = "NAME", value_parser = account)]
    pub account: Option<String>,
    /// For this user of the authorisation server in [serve.authorization], by the subject that its tokens name
    #[arg(long, value_name = "SUBJECT", conflicts_with = "account")]
    pub user: Option<String>,
    /// Where the store's key is kept.
    #[command(flatten)]
    pub keys: KeyChoice,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Where the store's key is kept, when the store is made.
#[derive(Debug, Args)]
pub struct KeyChoice {
    /// Where the store's key is kept. Asked for the first time, then recorded
    #[arg(long, value_enum, value_name = "KIND")]
    pub store: Option<StoreKind>,
    /// The key file, with --store key-file; made if it is missing
    #[arg(long, value_name = "FILE", env = "HOTCELL_KEY_FILE")]
    pub key_file: Option<PathBuf>,
}

/// `hotcell auth signin`
#[derive(Debug, Args)]
#[command(
    after_help = "Without --scope it asks for what the installed tools were granted. Without an option for the way, it takes \
    the browser where the service offers it.\n\n\
    Passwords and client secrets are typed without echo, or read from standard input."
)]
pub struct AuthSignin {
    /// Name of the service, as in config.toml
    pub service: String,
    /// A scope to ask for; repeat it for more
    #[arg(long = "scope", short, value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Show a code that is entered on another device (RFC 8628)
    #[arg(long, conflicts_with_all = ["email", "client_credentials"])]
    pub device: bool,
    /// With e-mail address and password, for a service of your own such as Supabase
    #[arg(long, value_name = "ADDRESS", conflicts_with = "client_credentials")]
    pub email: Option<String>,
    /// As a machine, with the client's secret (RFC 6749 section 4.4)
    #[arg(long)]
    pub client_credentials: bool,
    /// Print the address only, and open no browser
    #[arg(long)]
    pub no_browser: bool,
    /// A name for this account, where there are several
    #[arg(long, value_name = "NAME", value_parser = account)]
    pub account: Option<String>,
    /// For this user of the authorisation server in [serve.authorization], by the subject that its tokens name
    #[arg(long, value_name = "SUBJECT", conflicts_with = "account")]
    pub user: Option<String>,
    /// Where the store's key is kept.
    #[command(flatten)]
    pub keys: KeyChoice,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell auth refresh`
#[derive(Debug, Args)]
pub struct AuthRefresh {
    /// Name of the service
    pub service: String,
    /// The account; without it, the default one
    #[arg(long, value_name = "NAME", value_parser = account)]
    pub account: Option<String>,
    /// For this user of the authorisation server in [serve.authorization], by the subject that its tokens name
    #[arg(long, value_name = "SUBJECT", conflicts_with = "account")]
    pub user: Option<String>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell auth default`
#[derive(Debug, Args)]
pub struct AuthDefault {
    /// Name of the service
    pub service: String,
    /// The account
    #[arg(value_parser = account)]
    pub account: String,
}

/// `hotcell auth services`
#[derive(Debug, Args)]
pub struct AuthServices {
    /// Explain this one
    pub service: Option<String>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Where the key of the credential store is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// In the system's keychain (macOS Keychain, Windows Credential Manager, Linux Secret Service)
    Keychain,
    /// Nowhere: it is derived from a passphrase that is asked for (or read from the file that HOTCELL_PASSPHRASE_FILE names)
    Passphrase,
    /// In a file that only you can read. Whoever has the disk has the tokens
    KeyFile,
    /// In the keyring of the Linux kernel: it forgets when the machine restarts, and you sign in again
    KernelKeyring,
}

/// `hotcell auth status`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 signed in, 1 not signed in, 2 expired and not refreshable, 3 the store cannot be used"
)]
pub struct AuthStatus {
    /// Only this service
    pub service: Option<String>,
    /// Only this user of the authorisation server in [serve.authorization], by the subject that its tokens name
    #[arg(long, value_name = "SUBJECT")]
    pub user: Option<String>,
    /// Get each token as a request would, refreshed if it is due
    #[arg(long)]
    pub check: bool,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell auth logout`
#[derive(Debug, Args)]
pub struct AuthLogout {
    /// Name of the service
    #[arg(required_unless_present = "all")]
    pub service: Option<String>,
    /// This account; without it, the default one
    #[arg(long, value_name = "NAME", value_parser = account)]
    pub account: Option<String>,
    /// For this user of the authorisation server in [serve.authorization], by the subject that its tokens name
    #[arg(long, value_name = "SUBJECT", conflicts_with = "account")]
    pub user: Option<String>,
    /// All accounts: of the service, or of all services; those of users too, or with --user those of that user alone
    #[arg(long, conflicts_with = "account")]
    pub all: bool,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// The name of an account of the operator's own. Those of users begin with `@`, and are reached by `--user` alone.
fn account(text: &str) -> Result<String, String> {
    match text.starts_with('@') {
        true => Err("accounts that begin with @ are users': name the user with --user SUBJECT".to_owned()),
        false => Ok(text.to_owned()),
    }
}
