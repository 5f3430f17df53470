//! `hotcell serve`: the granted tools before agents. Standard output belongs to the protocol.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

use super::args;
use super::output;
use crate::Host;
use crate::mcp::Server;
use crate::mcp::http::Authentication;
use crate::mcp::http::Bearer;
use crate::mcp::http::Listening;
use crate::mcp::http::Users;
use crate::mcp::stdio;

pub(super) async fn serve(host: Host, args: &args::Serve) -> Result<(), Refusal> {
    match args.http {
        Some(address) => over_http(host, address, args.new_token).await,
        None => {
            let server = Server::new(host)?;
            server.look()?;
            if std::io::stdin().is_terminal() {
                output::note(
                    "this speaks MCP on standard input: let a client start it (hotcell mcp add), or press Ctrl-C",
                );
            }
            let ended = Box::pin(stdio::serve(server.clone())).await;
            server.finish().await;
            ended
        }
    }
}

async fn over_http(host: Host, address: SocketAddr, new_token: bool) -> Result<(), Refusal> {
    // Bound first: a token that is shown and then serves nobody would be lost.
    let listening = Listening::bind(address, host.serve()).await?;
    let (server, who) = match host.serve().authorization.clone() {
        Some(authorization) => {
            if new_token {
                return Err(Refusal::new(
                    Code::BadArguments,
                    "users are served ([serve.authorization] in config.toml), and they bring tokens of their own",
                    "leave --new-token out: the bearer token lets nobody in here",
                ));
            }
            let users = Users::new(authorization.clone(), host.issuer_network()?);
            let server = Server::of_users(host)?;
            server.look()?;
            output::note(&format!("each caller is a user of {}", authorization.issuer.as_str()));
            if !users.look().await {
                output::bad(
                    "its keys cannot be fetched now, so nobody gets in; they are tried again when somebody calls",
                );
            }
            (server, Authentication::Users(Arc::new(users)))
        }
        None => {
            let (bearer, shown) = Bearer::of(host.state(), new_token)?;
            let server = Server::new(host)?;
            server.look()?;
            if let Some(token) = shown {
                output::note("the bearer token of this server; it is not shown again, and not kept but as a hash:");
                output::note(&format!("  {}", *token));
            }
            (server, Authentication::Bearer(bearer))
        }
    };
    output::good(&format!("listening at http://{}/mcp", listening.address()));
    let ended = listening.serve(server.clone(), who).await;
    server.finish().await;
    ended?;
    output::note("stopped");
    Ok(())
}
