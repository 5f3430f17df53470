//! Random numbers of the system, for whatever must not be guessed.

use hotcell_protocol::Refusal;
use zeroize::Zeroizing;

/// `N` random bytes, wiped when they are dropped.
///
/// # Errors
/// [`hotcell_protocol::Code::Internal`] if the system has none.
pub(crate) fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, Refusal> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| Refusal::internal("the system has no random numbers"))?;
    Ok(bytes)
}
