//! `hotcell auth`: tokens in, a look at them, tokens out. No output here holds a secret.

mod services;
mod signin;
mod status;
mod whose;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_vault::AuthError;
use hotcell_vault::Metadata;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;
use zeroize::Zeroizing;

use super::args;
use super::ask;
use super::keys;
use super::output;
use crate::Host;
pub(super) use services::services;
pub(super) use signin::signin;
pub(super) use status::status;
use whose::Whose;

/// Shorter keys cannot be told from ordinary text in an answer, so that the scan does not look for them.
const LEAST_BYTES: usize = 8;

pub(super) fn set(host: &Host, args: &args::AuthSet) -> Result<(), Refusal> {
    known(host, &args.service)?;
    let whose = Whose::of(host, args.account.as_deref(), args.user.as_deref())?;
    host.refuse_unknown_scopes(&args.service, &args.scopes)?;
    // The store first: nobody should type a token only to learn that there is no place for it.
    make_store(host, &args.keys)?;
    let access = match &args.basic {
        Some(user) => basic(host, &args.service, user)?,
        None => Secret::from_line(ask::secret(&format!("Token for {} (not shown): ", args.service))?),
    };
    let access = access.map_err(AuthError::from)?;
    if access.len() < LEAST_BYTES {
        return Err(Refusal::new(
            Code::BadArguments,
            format!("the token has fewer than {LEAST_BYTES} bytes: answers could not be searched for it"),
            "use a longer one",
        ));
    }
    if access.expose().bytes().filter(u8::is_ascii_alphanumeric).count() < 16 {
        output::bad("it is so short that answers are searched for it as a word of its own only, not in other forms");
    }
    let token = NewToken {
        expires_in: args.expires_in.map(Duration::from_secs),
        scopes: args.scopes.iter().cloned().collect(),
        ..NewToken::of(access)
    };
    host.keep(whose.id(&args.service), &token)?;
    if args.scopes.is_empty() {
        output::note("it has no scope, so no action can use it: hotcell auth set takes --scope");
    }
    told(host, &args.service, &whose, args.json)
}

/// User and password in the form of HTTP's Basic scheme (RFC 7617).
fn basic(host: &Host, service: &str, user: &str) -> Result<Result<Secret, hotcell_vault::BadToken>, Refusal> {
    let explained = host.services().explain();
    let form = explained.iter().find(|explained| explained.name == service).map(|explained| explained.prefix.as_str());
    if form != Some("Basic ") {
        return Err(Refusal::new(
            Code::BadConfig,
            format!("{service} does not take user and password"),
            format!(
                "if its server does: credential = {{ header = \"authorization\", prefix = \"Basic \" }} in [service.{service}]"
            ),
        ));
    }
    if user.contains(':') || user.chars().any(char::is_control) {
        return Err(Refusal::new(
            Code::BadArguments,
            "the user name has a colon or a control character (RFC 7617 section 2)",
            "write the name alone: the password is asked for",
        ));
    }
    let password = ask::secret(&format!("Password of {user} at {service} (not shown): "))?;
    let both = Zeroizing::new(format!("{user}:{}", password.as_str()));
    Ok(Secret::new(Zeroizing::new(STANDARD.encode(both.as_bytes()))))
}

/// Makes the store, if there is none yet, as the person chooses.
fn make_store(host: &Host, args: &args::KeyChoice) -> Result<(), Refusal> {
    if host.store()?.is_none() {
        host.make_store(&keys::choose(args)?)?;
    } else if args.store.is_some() {
        output::note("the store exists already; its key stays where it is");
    }
    Ok(())
}

/// Says what is stored now, and where.
fn told(host: &Host, service: &str, whose: &Whose, json: bool) -> Result<(), Refusal> {
    let store = host.store()?.ok_or_else(|| Refusal::internal("the store is gone"))?;
    let metadata = store.cached_metadata(whose.id(service));
    let Some(metadata) = metadata else { return Err(Refusal::internal("what was stored is not there")) };
    output::good(&format!(
        "the token of {service} is stored for {}; its key is in {}",
        holder(&metadata),
        metadata.backend
    ));
    if let Some(name) = &metadata.display_account {
        output::note(&format!("the server calls the account {}", hotcell_protocol::text::visible(name)));
    }
    if metadata.user.is_none() && !metadata.is_default {
        output::note(&format!("tools use another account: hotcell auth default {service} {}", metadata.account));
    }
    if json { output::json(&metadata) } else { Ok(()) }
}

/// Gets a new token from the server now.
pub(super) async fn refresh(host: &Host, args: &args::AuthRefresh) -> Result<(), Refusal> {
    let whose = Whose::of(host, args.account.as_deref(), args.user.as_deref())?;
    let id = whose.id(&args.service);
    let store = host.store()?.ok_or_else(|| nobody(&args.service))?;
    let before = store.cached_metadata(id).ok_or_else(|| nobody(&args.service))?;
    if !before.refreshable {
        return Err(Refusal::new(
            Code::NeedsLogin,
            format!("the token of {} cannot be refreshed: it came without a refresh token", args.service),
            format!(
                "get a new one: hotcell auth signin {0}{1}, or hotcell auth set {0}{1}",
                args.service,
                whose.option()
            ),
        ));
    }
    let token = store.get_token(id, None).await?;
    let after = store.cached_metadata(id).ok_or_else(|| nobody(&args.service))?;
    // One that was over is new by now.
    if after.refreshed_at == before.refreshed_at {
        store.force_refresh(id, &token).await?;
    }
    told(host, &args.service, &whose, args.json)
}

/// Whose a token is, for a person.
fn holder(metadata: &Metadata) -> String {
    match &metadata.user {
        Some(user) => format!("the user {}", hotcell_protocol::text::visible(user)),
        None => format!("the account {}", metadata.account),
    }
}

pub(super) fn default(host: &Host, args: &args::AuthDefault) -> Result<(), Refusal> {
    let store = host.store()?.ok_or_else(|| nobody(&args.service))?;
    store.set_default(&args.service, &args.account)?;
    output::good(&format!("tools use the account {} of {} from now on", args.account, args.service));
    Ok(())
}

pub(super) async fn logout(host: &Host, args: &args::AuthLogout) -> Result<(), Refusal> {
    let whose = Whose::of(host, args.account.as_deref(), args.user.as_deref())?;
    let store = host.store()?;
    let mut all = Vec::new();
    if let Some(store) = &store {
        let of = |service: &str| args.service.as_deref().is_none_or(|wanted| wanted == service);
        let one = |account: &str, is_default| match whose.account() {
            Some(wanted) => wanted == account,
            None => args.all || is_default,
        };
        let found = store.metadata()?.into_iter();
        all.extend(found.filter(|held| of(&held.service) && one(&held.account, held.is_default)));
    }
    let (Some(store), false) = (store, all.is_empty()) else {
        return Err(nobody(args.service.as_deref().unwrap_or("any service")));
    };
    let mut ended = Vec::new();
    for held in all {
        let revoked = store.clear_token((held.service.as_str(), held.account.as_str())).await?;
        output::good(&format!("the token of {} ({}) is taken out of the store", held.service, holder(&held)));
        if revoked {
            output::good("the server has revoked it");
        } else {
            output::note("the server still accepts it until it expires: revoke it there too");
        }
        ended.push(serde_json::json!({
            "service": held.service, "account": held.account, "user": held.user, "signed_in": false, "revoked": revoked,
        }));
    }
    if args.json { output::json(&ended) } else { Ok(()) }
}

fn nobody(service: &str) -> Refusal {
    let message = format!("nobody is signed in to {}", hotcell_protocol::text::visible(service));
    Refusal::new(Code::NeedsLogin, message, "hotcell auth status shows who is")
}

fn known(host: &Host, service: &str) -> Result<(), Refusal> {
    if host.services().names().any(|name| name == service) { Ok(()) } else { Err(services::unknown(host, service)) }
}

fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "far away".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
