//! `hotcell auth signin`: a person gets a token from a service. No tool, no agent and no MCP method reaches this code (threat
//! L8); the page of `mcp::signin` is the one other place where a sign-in starts, on a person's click.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::time::Duration;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use hotcell_vault::Secret;
use hotcell_vault::oauth::DeviceCode;
use hotcell_vault::oauth::Flow;
use hotcell_vault::oauth::OAuthError;
use hotcell_vault::oauth::Person;
use hotcell_vault::oauth::Provider;
use hotcell_vault::oauth::SignIn;
use hotcell_vault::oauth::SignedIn;
use hotcell_vault::oauth::open_browser;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use super::known;
use super::make_store;
use super::told;
use super::whose::Whose;
use crate::Host;
use crate::cli::args;
use crate::cli::ask;
use crate::cli::output;
use crate::signed_in;

/// How long a person may take in the browser (the flow's own limit) or over a code.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn signin(host: &Host, args: &args::AuthSignin) -> Result<(), Refusal> {
    known(host, &args.service)?;
    let whose = Whose::of(host, args.account.as_deref(), args.user.as_deref())?;
    let provider = host.services().sign_in(&args.service)?;
    let scopes = scopes(host, args, &whose)?;
    make_store(host, &args.keys)?;
    let flow = flow(provider, args)?;
    let mut ask = ask::Lines::default();
    let secret = client_secret(&mut ask, provider, flow, &args.service)?;
    let password = if flow == Flow::Password { Some(password(&mut ask, args)?) } else { None };
    let http = host.issuer_network()?;
    let person = Terminal { browser: !args.no_browser };
    let sign_in = SignIn { service: &args.service, provider, scopes: scopes.clone(), http: &*http, person: &person };
    output::note(&format!("signing in to {} for: {}", args.service, listed(&scopes)));
    let signed_in = interrupted(run(&sign_in, flow, secret, password)).await?;
    keep(host, args, &whose, signed_in)
}

/// Runs the flow.
async fn run(
    sign_in: &SignIn<'_>,
    flow: Flow,
    secret: Option<Secret>,
    password: Option<(String, Zeroizing<String>)>,
) -> Result<SignedIn, OAuthError> {
    match (flow, secret, password) {
        (Flow::AuthorizationCode, secret, _) => waiting(sign_in.by_browser(secret)).await,
        (Flow::Device, secret, _) => waiting(sign_in.by_device(secret)).await,
        (Flow::Password, secret, Some((name, password))) => sign_in.by_password(&name, password, secret).await,
        (Flow::ClientCredentials, Some(secret), _) => sign_in.by_client_credentials(secret).await,
        (Flow::ClientCredentials | Flow::Password, _, _) => Err(OAuthError::NotOffered(flow)),
    }
}

/// Ctrl-C ends a sign-in as if it had never begun: the store is written only after its end.
async fn interrupted(flow: impl Future<Output = Result<SignedIn, OAuthError>>) -> Result<SignedIn, Refusal> {
    tokio::select! {
        signed_in = flow => Ok(signed_in?),
        _ = tokio::signal::ctrl_c() => Err(Refusal::new(
            Code::NeedsLogin,
            "the sign-in was stopped",
            "nothing was changed; start it again whenever you like",
        )),
    }
}

/// Shows that it waits, on a terminal.
async fn waiting<T>(flow: impl Future<Output = T>) -> T {
    let started = Instant::now();
    tokio::pin!(flow);
    loop {
        tokio::select! {
            ended = &mut flow => {
                erase();
                return ended;
            }
            () = tokio::time::sleep(SHOWN_EVERY) => {
                let mut stderr = std::io::stderr();
                if stderr.is_terminal() {
                    let seconds = started.elapsed().as_secs();
                    drop(write!(stderr, "\r… waiting for you, {seconds} s (Ctrl-C to stop) "));
                    drop(stderr.flush());
                }
            }
        }
    }
}

fn erase() {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        drop(write!(stderr, "\r\x1b[K"));
    }
}

/// What is asked for: what the person says; else what the installed tools were granted, and what is held already.
fn scopes(host: &Host, args: &args::AuthSignin, whose: &Whose) -> Result<BTreeSet<String>, Refusal> {
    if args.scopes.is_empty() {
        return signed_in::scopes(host, whose.id(&args.service));
    }
    host.refuse_unknown_scopes(&args.service, &args.scopes)?;
    Ok(args.scopes.iter().cloned().collect())
}

/// The way: as the person says, or the first that the service offers.
fn flow(provider: &Provider, args: &args::AuthSignin) -> Result<Flow, Refusal> {
    let asked = match args {
        args if args.device => Some(Flow::Device),
        args if args.email.is_some() => Some(Flow::Password),
        args if args.client_credentials => Some(Flow::ClientCredentials),
        _ => None,
    };
    let order = [Flow::AuthorizationCode, Flow::Device, Flow::Password, Flow::ClientCredentials];
    let flow = asked.or_else(|| order.into_iter().find(|flow| provider.offers(*flow)));
    let flow = flow.filter(|flow| provider.offers(*flow));
    flow.ok_or_else(|| {
        let offered: Vec<_> = provider.flows().into_iter().map(option).collect();
        Refusal::new(
            Code::BadArguments,
            format!("{} does not offer that way to sign in", args.service),
            format!("it offers: {}", offered.join(", ")),
        )
    })
}

fn option(flow: Flow) -> &'static str {
    match flow {
        Flow::AuthorizationCode => "the browser (no option)",
        Flow::ClientCredentials => "--client-credentials",
        Flow::Device => "--device",
        Flow::Password => "--email ADDRESS",
    }
}

/// The client's own secret, where it has one. It never stands in the configuration.
fn client_secret(
    ask: &mut ask::Lines,
    provider: &Provider,
    flow: Flow,
    service: &str,
) -> Result<Option<Secret>, Refusal> {
    if !provider.has_client_secret() && flow != Flow::ClientCredentials {
        return Ok(None);
    }
    let text = ask.secret(&format!("Client secret of {service} (not shown): "))?;
    Ok(Some(Secret::from_line(text).map_err(hotcell_vault::AuthError::from)?))
}

fn password(ask: &mut ask::Lines, args: &args::AuthSignin) -> Result<(String, Zeroizing<String>), Refusal> {
    let name = match &args.email {
        Some(name) => name.clone(),
        None if ask::can_ask() => ask::typed(&format!("E-mail address at {}: ", args.service))?,
        None => {
            let hint = format!("name it: hotcell auth signin {} --email ADDRESS", args.service);
            return Err(Refusal::new(Code::BadArguments, "nobody can be asked for the e-mail address", hint));
        }
    };
    let password = ask.secret(&format!("Password of {} at {} (not shown): ", visible(&name), args.service))?;
    Ok((name, password))
}

fn keep(host: &Host, args: &args::AuthSignin, whose: &Whose, signed_in: SignedIn) -> Result<(), Refusal> {
    let declined = signed_in::keep(host, whose.id(&args.service), signed_in)?;
    if !declined.is_empty() {
        output::bad(&format!("not granted by the server: {}", listed(&declined)));
    }
    told(host, &args.service, whose, args.json)
}

fn listed(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The person at this terminal.
struct Terminal {
    browser: bool,
}

impl Person for Terminal {
    fn visit(&self, url: &Url) {
        output::note("Open this address to sign in:");
        output::note(&format!("  {url}"));
        if self.browser && open_browser(url).is_err() {
            output::dim("no browser could be opened here; the address works on this machine only");
        }
    }

    fn enter(&self, code: &DeviceCode<'_>) {
        erase();
        output::note(&format!("Open {} on any device, and enter this code:", code.address));
        output::title(&format!("    {}", visible(&code.user_code)));
        output::note(&format!(
            "It signs this machine in to {} at {} for: {}. It is good for {} minutes.",
            code.service,
            visible(&code.server),
            listed(code.scopes),
            code.expires_in.as_secs().div_ceil(60)
        ));
        output::bad("If you did not start this yourself just now, do not enter it.");
    }
}
