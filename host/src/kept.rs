//! Compiled code that is kept between processes, authenticated by a key of the state folder.

use std::path::Path;

use cap_std::fs::Dir;
use hotcell_protocol::Refusal;
use hotcell_sandbox::CodeCache;

use crate::folders;

/// The file in the state folder that holds the key of kept code. Not beside the code: who can write there has not yet the key.
const KEY: &str = "code.key";

/// The code that is kept in this cache folder, for whoever has this state folder.
///
/// # Errors
/// [`hotcell_protocol::Code::StoreUnavailable`] for folders.
pub(crate) fn code(state: &Dir, cache: &Path) -> Result<CodeCache, Refusal> {
    let key = folders::own_key(state, KEY)?;
    Ok(CodeCache::new(folders::own_subfolder(&folders::cache_folder(cache)?, "code")?, key))
}
