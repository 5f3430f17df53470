//! The test kit of tools' authors: `hotcell test`, `record`, `dev`.
//!
//! ```text
//!  tests/*.toml ─► read ─► Case ─► run ───────────────────────────► judge ─► report
//!                                   │ the real sandbox, under the       expected against
//!                                   │ grant that a yes would give       what there was
//!                                   ▼
//!                         the gate of a rehearsal: policy, signature, scan are those of every call;
//!                         behind it stand the case's replies, and no network
//! ```
//!
//! What a case runs is untrusted like every tool: it has the limits of a call, a made-up credential, and no way to a person's
//! tokens, grants or network ([`run::Workshop`], [`hotcell_gate::Rehearsal`]). `record` makes a live call, by the way of every
//! other call, and writes a case of what the tool saw of it, which never holds a token.

pub(crate) mod case;
pub(crate) mod coverage;
pub(crate) mod diff;
mod judge;
pub(crate) mod junit;
pub(crate) mod play;
pub(crate) mod read;
pub(crate) mod run;
pub(crate) mod watch;
pub(crate) mod write;

use cap_std::fs::Dir;
use hotcell_gate::Services;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;

use crate::folders;
use case::Case;

/// The operator's side, as a project has it.
const SERVICES: &str = "service.toml";
/// Bytes of it.
const SERVICES_BYTES: usize = 256 * 1024;
/// Where a project has its case files.
pub(crate) const FOLDER: &str = "tests";

/// The services of a project: what its `service.toml` says, or none.
///
/// # Errors
/// [`Code::BadConfig`] for a mistake, with line and column.
pub(crate) fn services(project: &Dir) -> Result<Services, Refusal> {
    match folders::read_file(project, SERVICES, SERVICES_BYTES)? {
        None => Ok(Services::default()),
        Some(bytes) => Services::parse(&text(bytes, SERVICES)?, SERVICES),
    }
}

/// The cases of a project, by file and place in it; those of one file, and those whose name holds a text, if asked.
///
/// # Errors
/// [`Code::BadConfig`] for a mistake in any file, and where there is no such case.
pub(crate) fn cases(project: &Dir, file: Option<&str>, name: Option<&str>) -> Result<Vec<Case>, Refusal> {
    let mut all = Vec::new();
    for found in folders::case_files(project, FOLDER)? {
        if file.is_none_or(|file| file == found) {
            let bytes = folders::read_file(project, &found, read::FILE_BYTES)
                .map_err(|_| bad(format!("{} cannot be read, or has more than 4 MiB", visible(&found)), "split it"))?;
            all.extend(read::cases(&text(bytes.unwrap_or_default(), &found)?, &found, project)?);
        }
    }
    if all.is_empty() {
        let repair = "write one into tests/NAME.toml (docs/testing.md), or make one of a live call: hotcell record";
        return Err(bad("the project has no cases".to_owned(), repair));
    }
    let Some(name) = name else { return Ok(all) };
    let (chosen, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|case| case.name.contains(name));
    if chosen.is_empty() {
        let names: Vec<_> = others.iter().take(20).map(|case| visible(&case.name)).collect();
        return Err(bad(
            format!("no case's name holds `{}`", visible(name)),
            &format!("there are: {}", names.join("; ")),
        ));
    }
    Ok(chosen)
}

/// Whether a project has case files at all.
///
/// # Errors
/// As [`cases`].
pub(crate) fn has_cases(project: &Dir) -> Result<bool, Refusal> {
    Ok(!folders::case_files(project, FOLDER)?.is_empty())
}

fn text(bytes: Vec<u8>, file: &str) -> Result<String, Refusal> {
    String::from_utf8(bytes).map_err(|_| bad(format!("{} is not UTF-8", visible(file)), "save it as UTF-8"))
}

fn bad(what: String, repair: &str) -> Refusal {
    Refusal::new(Code::BadConfig, what, repair)
}
