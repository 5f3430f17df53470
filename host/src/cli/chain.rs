//! `hotcell inspect TOOL --chain`: what a tool is, link by link, and which link is broken. Runs no guest code.

use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;

use super::Exit;
use super::args;
use super::output;
use crate::Host;
use crate::Link;

pub(super) fn chain(host: &Host, args: &args::Inspect) -> Result<Exit, Refusal> {
    let chain = host.chain(&args.tool)?;
    if args.json {
        output::json(&chain)?;
    } else {
        chain.links.iter().for_each(show);
    }
    let broken: Vec<_> = chain.links.iter().filter(|link| !link.good).collect();
    for link in &broken {
        output::bad(&format!("the link `{}` of {} is broken: {}", link.link, chain.tool, visible(&link.found)));
        output::note(&format!("   {}", visible(&link.repair)));
    }
    Ok(if broken.is_empty() { Exit::Done } else { Exit::Refused })
}

fn show(link: &Link) {
    let sign = if link.good { "✓" } else { "✗" };
    let digest = link.digest.map(|digest| digest.to_string()).unwrap_or_default();
    output::line(&format!("{sign} {:<10} {digest:<64}  {}", link.link, visible(&link.found)));
}
