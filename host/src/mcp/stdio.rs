//! MCP over standard input and output: the client starts Hotcell, and Hotcell ends with it.

use std::sync::Arc;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use rmcp::RoleServer;
use rmcp::service::RxJsonRpcMessage;
use rmcp::service::ServerInitializeError;
use rmcp::service::TxJsonRpcMessage;
use rmcp::service::serve_server_with_ct;
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::io::stdio_pipes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Server;
use crate::stop::stopped;

/// Serves one client until it closes standard input, or until the process is told to stop.
///
/// # Errors
/// [`Code::BadRequest`] if what comes in is not MCP.
pub(crate) async fn serve(server: Server) -> Result<(), Refusal> {
    let (input, output) = stdio_pipes();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(limits::MCP_MESSAGE_BYTES);
    let transport = Paced { transport, unsent: Arc::new(Semaphore::new(limits::MCP_UNSENT)) };
    let stop = CancellationToken::new();
    let (stopping, resting) = (stop.clone(), server.clone());
    tokio::spawn(async move {
        stopped().await;
        resting.rest().await;
        stopping.cancel();
    });
    let running = match Box::pin(serve_server_with_ct(server, transport, stop)).await {
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

/// A transport that reads no further while many answers wait for the client to read them: one that asks and does not read
/// would otherwise fill our memory with answers.
struct Paced<T> {
    transport: T,
    /// A place for each message that waits to be sent.
    unsent: Arc<Semaphore>,
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Paced<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        // Without a place it is sent too: it answers what was read before.
        let place = Arc::clone(&self.unsent).try_acquire_owned();
        let sending = self.transport.send(message);
        async move {
            let sent = sending.await;
            drop(place);
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        drop(self.unsent.acquire().await);
        self.transport.receive().await
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.transport.close().await
    }
}
