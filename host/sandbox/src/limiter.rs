//! Counts what a guest takes of memory and tables, over all parts of the component, and refuses more than it has.

use hotcell_protocol::limits;
use wasmtime::ResourceLimiter;

/// The counters of one call.
pub(crate) struct Limiter {
    memory_limit: usize,
    memory: usize,
    peak: usize,
    refused: bool,
}

impl Limiter {
    pub(crate) fn new(memory_limit: usize) -> Self {
        Self { memory_limit, memory: 0, peak: 0, refused: false }
    }

    /// Most bytes of linear memory at one time.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }

    /// Whether the guest ever wanted more than it has. Guests answer a refused growth with a trap of their own, which
    /// would hide the reason.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.refused = true;
            return Ok(false);
        }
        self.memory = total;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= limits::TABLE_ELEMENTS;
        self.refused |= !allowed;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        limits::INSTANCES
    }

    fn tables(&self) -> usize {
        limits::TABLES
    }

    fn memories(&self) -> usize {
        limits::MEMORIES
    }
}
