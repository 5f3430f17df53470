//! MCP over standard input and output: the client starts Hotcell, and Hotcell ends with it.

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use rmcp::service::ServerInitializeError;
use rmcp::service::serve_server_with_ct;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::io::stdio_pipes;
use tokio_util::sync::CancellationToken;

use super::Server;
use super::http::stopped;

/// Serves one client until it closes standard input, or until the process is told to stop.
///
/// # Errors
/// [`Code::BadRequest`] if what comes in is not MCP.
pub(crate) async fn serve(server: Server) -> Result<(), Refusal> {
    let (input, output) = stdio_pipes();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(limits::MCP_MESSAGE_BYTES);
    let stop = CancellationToken::new();
    let (stopping, resting) = (stop.clone(), server.clone());
    tokio::spawn(async move {
        stopped().await;
        resting.rest().await;
        stopping.cancel();
    });
    let running = match serve_server_with_ct(server, transport, stop).await {
        Ok(running) => running,
        // A client that looks at us and leaves, or a stop before the first message, is no mistake.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
        Err(error) => {
            tracing::debug!("the client's first message: {error}");
            return Err(Refusal::new(
                Code::BadRequest,
                "standard input does not begin as MCP does",
                "let an MCP client start this command: hotcell mcp add CLIENT",
            ));
        }
    };
    running.waiting().await.map(drop).map_err(|_| Refusal::internal("the server ended in the middle of its work"))
}
