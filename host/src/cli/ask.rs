//! What a person is asked: yes or no, a token, a passphrase. Only on a terminal; nothing secret is echoed.

use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Read as _;
use std::io::Write as _;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use zeroize::Zeroizing;

/// A token is refused above this length by the store too; a megabyte on standard input is a mistake.
const SECRET_BYTES: u64 = 64 * 1024;

/// Whether a person can be asked: both standard input and standard error are a terminal.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a question that only `y` or `yes` answers with yes.
///
/// # Errors
/// `otherwise` where nobody can be asked: no answer is never a yes.
pub(crate) fn yes(question: &str, otherwise: Refusal) -> Result<bool, Refusal> {
    if !can_ask() {
        return Err(otherwise);
    }
    Ok(matches!(typed(&format!("{question} [y/N] "))?.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a line of plain text.
///
/// # Errors
/// [`Code::Internal`] if the terminal cannot be read.
pub(crate) fn typed(prompt: &str) -> Result<String, Refusal> {
    let broken = |_| Refusal::internal("the terminal cannot be read");
    let mut stderr = std::io::stderr();
    stderr.write_all(prompt.as_bytes()).and_then(|()| stderr.flush()).map_err(broken)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(broken)?;
    Ok(line.trim().to_owned())
}

/// Reads a secret: typed without echo on a terminal, else the whole of standard input without its line end.
///
/// # Errors
/// [`Code::BadArguments`] for an empty or overlong one, or for bytes that are not text.
pub(crate) fn secret(prompt: &str) -> Result<Zeroizing<String>, Refusal> {
    if std::io::stdin().is_terminal() {
        return hidden(prompt);
    }
    let bytes = read_all()?;
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("standard input is not text"))?;
    checked(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Reads several secrets one after the other: typed on a terminal, else a line of standard input each.
#[derive(Default)]
pub(crate) struct Lines {
    rest: Option<Zeroizing<Vec<u8>>>,
}

impl Lines {
    /// The next one.
    ///
    /// # Errors
    /// As [`secret`].
    pub(crate) fn secret(&mut self, prompt: &str) -> Result<Zeroizing<String>, Refusal> {
        if std::io::stdin().is_terminal() {
            return hidden(prompt);
        }
        let rest = match self.rest.take() {
            Some(rest) => rest,
            None => read_all()?,
        };
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default();
        let text = std::str::from_utf8(line).map_err(|_| bad("standard input is not text"))?;
        let text = Zeroizing::new(text.trim_end_matches('\r').to_owned());
        self.rest = Some(Zeroizing::new(rest.get(end + 1..).unwrap_or_default().to_vec()));
        checked(text)
    }
}

fn read_all() -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    std::io::stdin()
        .take(SECRET_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| Refusal::internal("standard input cannot be read"))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > SECRET_BYTES) {
        return Err(bad("standard input holds more than 64 KiB"));
    }
    Ok(bytes)
}

/// Asks for a secret on the terminal, without echo.
///
/// # Errors
/// [`Code::BadArguments`] for an empty one; [`Code::Internal`] without a terminal.
pub(crate) fn hidden(prompt: &str) -> Result<Zeroizing<String>, Refusal> {
    let typed = rpassword::prompt_password(prompt).map_err(|_| Refusal::internal("the terminal cannot be read"))?;
    checked(Zeroizing::new(typed))
}

fn checked(secret: Zeroizing<String>) -> Result<Zeroizing<String>, Refusal> {
    if secret.is_empty() { Err(bad("nothing was given")) } else { Ok(secret) }
}

fn bad(what: &str) -> Refusal {
    Refusal::new(Code::BadArguments, what, "type it at the prompt, or pipe it in: hotcell auth set SERVICE < FILE")
}
