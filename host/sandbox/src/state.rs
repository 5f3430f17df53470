//! What one call's store holds: an empty WASI context, the counters, and the way out.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use hotcell_protocol::LogLevel;
use hotcell_protocol::Outside;
use hotcell_protocol::limits;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::HostMonotonicClock;
use wasmtime_wasi::HostWallClock;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::WasiView;

use crate::limiter::Limiter;
use crate::output::Log;
use crate::output::Pipe;
use crate::outside::Exit;
use crate::outside::Reports;
use crate::wasi_http::Holdings;

/// The store's data. It lives for one call.
pub(crate) struct State {
    pub(crate) exit: Exit,
    pub(crate) log: Arc<Log>,
    pub(crate) limiter: Limiter,
    pub(crate) progress: Reports,
    /// Handles of WASI's interfaces, and what stands behind them.
    pub(crate) table: ResourceTable,
    /// Bodies that the host holds for the guest.
    pub(crate) holdings: Holdings,
    wasi: WasiCtx,
    output: [Pipe; 2],
}

impl State {
    pub(crate) fn new(outside: Arc<dyn Outside>, memory_bytes: usize) -> Self {
        let log = Arc::new(Log::new(Arc::clone(&outside)));
        let output = [Pipe::new(Arc::clone(&log), LogLevel::Info), Pipe::new(Arc::clone(&log), LogLevel::Warn)];
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::RESOURCES);
        Self {
            exit: Exit::new(outside),
            log,
            limiter: Limiter::new(memory_bytes),
            progress: Reports::default(),
            table,
            holdings: Holdings::default(),
            wasi: empty_wasi(&output),
            output,
        }
    }

    /// How many WASI resources the guest may hold at once.
    #[cfg(test)]
    pub(crate) fn resources(&self) -> usize {
        self.table.max_capacity()
    }

    /// Writes what the guest left on standard output and error without a line end.
    pub(crate) fn finish_output(&self) {
        self.output.iter().for_each(Pipe::finish);
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A WASI context with nothing in it: no environment, arguments, standard input or folders (threats A4, A5), no sockets
/// and no name lookup (threat A3), clocks of one millisecond (threat F3).
fn empty_wasi([stdout, stderr]: &[Pipe; 2]) -> WasiCtx {
    WasiCtx::builder()
        .stdout(stdout.clone())
        .stderr(stderr.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }))
        .max_random_size(limits::RANDOM_BYTES)
        .monotonic_clock(Coarse(Instant::now()))
        .wall_clock(Coarse(SystemTime::UNIX_EPOCH))
        .build()
}

/// A clock of one millisecond: enough for tools, too coarse to time the host's caches and scanners with.
struct Coarse<T>(T);

const MILLISECOND_NANOS: u64 = 1_000_000;

impl HostMonotonicClock for Coarse<Instant> {
    fn resolution(&self) -> u64 {
        MILLISECOND_NANOS
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_mul(MILLISECOND_NANOS)
    }
}

impl HostWallClock for Coarse<SystemTime> {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        let now = self.0.elapsed().unwrap_or_default();
        Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }
}
