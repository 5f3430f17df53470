//! `hotcell serve`: the granted tools before agents. Standard output belongs to the protocol.

use std::io::IsTerminal as _;
use std::net::SocketAddr;

use hotcell_protocol::Refusal;

use super::args;
use super::output;
use crate::Host;
use crate::mcp::Server;
use crate::mcp::http::Bearer;
use crate::mcp::http::Listening;
use crate::mcp::stdio;

pub(super) async fn serve(host: Host, args: &args::Serve) -> Result<(), Refusal> {
    match args.http {
        Some(address) => over_http(host, address, args.new_token).await,
        None => {
            let server = Server::new(host)?;
            server.look().await?;
            if std::io::stdin().is_terminal() {
                output::note(
                    "this speaks MCP on standard input: let a client start it (hotcell mcp add), or press Ctrl-C",
                );
            }
            let ended = stdio::serve(server.clone()).await;
            server.finish().await;
            ended
        }
    }
}

async fn over_http(host: Host, address: SocketAddr, new_token: bool) -> Result<(), Refusal> {
    // Bound first: a token that is shown and then serves nobody would be lost.
    let listening = Listening::bind(address, host.serve()).await?;
    let (bearer, shown) = Bearer::of(host.state(), new_token)?;
    let server = Server::new(host)?;
    server.look().await?;
    if let Some(token) = shown {
        output::note("the bearer token of this server; it is not shown again, and not kept but as a hash:");
        output::note(&format!("  {}", *token));
    }
    output::good(&format!("listening at http://{}/mcp", listening.address()));
    let ended = listening.serve(server.clone(), bearer).await;
    server.finish().await;
    ended?;
    output::note("stopped");
    Ok(())
}
