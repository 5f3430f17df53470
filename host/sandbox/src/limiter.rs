//! Counts what a guest takes of memory and tables, over all parts of the component, and refuses more than it has.

use hotcell_protocol::limits;
use wasmtime::ResourceLimiter;

/// The counters of one call.
pub(crate) struct Limiter {
    memory_limit: usize,
    memory: usize,
    refused: bool,
}

impl Limiter {
    pub(crate) fn new(memory_limit: usize) -> Self {
        Self { memory_limit, memory: 0, refused: false }
    }

    /// Most bytes of linear memory at one time. WebAssembly memory does not shrink: the most is the last.
    pub(crate) fn peak(&self) -> usize {
        self.memory
    }

    /// Whether the guest ever wanted more than it has. Guests answer a refused growth with a trap of their own, which
    /// would hide the reason.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    fn refuse(&mut self) -> bool {
        self.refused = true;
        false
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        // What the engine will refuse anyhow is not counted: it would be counted for ever.
        if total > self.memory_limit || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(self.refuse());
        }
        self.memory = total;
        Ok(true)
    }

    /// The machine had no memory for what was granted. It stays counted: too strict in a call that is lost anyhow.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refuse();
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > limits::TABLE_ELEMENTS || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(self.refuse());
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refuse();
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growth_beyond_the_memory_s_own_maximum_is_not_counted() {
        let mut limiter = Limiter::new(1_000);
        assert!(limiter.memory_growing(0, 600, Some(700)).unwrap());
        for _ in 0..10 {
            assert!(!limiter.memory_growing(600, 800, Some(700)).unwrap());
        }
        assert_eq!(limiter.peak(), 600);
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(!limiter.memory_growing(0, 1, None).unwrap());
    }

    #[test]
    fn a_growth_that_overflows_is_refused() {
        let mut limiter = Limiter::new(1_000);
        assert!(limiter.memory_growing(0, 1_000, None).unwrap());
        assert!(!limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(limiter.refused());
    }
}
