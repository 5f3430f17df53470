//! Opens the system's browser, without a shell: what a shell would read as a command stays part of an address
//! (CVE-2025-6514, threat L6).

use std::ffi::OsString;
use std::process::Command;
use std::process::Stdio;

use url::Url;

use super::endpoint::is_loopback;

/// Why no browser was opened. The address can be shown instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    /// The address is neither `https` nor `http` on a loopback address.
    #[error("this address is not one for a browser")]
    Address,
    /// The program that opens browsers cannot be started.
    #[error("the browser cannot be opened")]
    Program,
}

/// Opens an address in the browser of the person at this machine. Does not wait for it.
///
/// # Errors
/// [`BrowserError`]; then show the address.
pub fn open_browser(url: &Url) -> Result<(), BrowserError> {
    let address = address(url).ok_or(BrowserError::Address)?;
    let (program, before) = opener();
    let mut command = Command::new(program);
    command.args(before).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A passphrase for the store may be among Hotcell's own variables: it is none of the browser's business.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOTCELL_")) {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(|_| BrowserError::Program)?;
    // Waited for elsewhere, so that no dead process stays behind.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// The address as the URL parser writes it: no quotes, spaces, control characters or backslashes are left in it, and it
/// starts with its scheme, so that no program takes it for an option.
fn address(url: &Url) -> Option<&str> {
    let text = url.as_str();
    let fits = url.scheme() == "https" || url.scheme() == "http" && is_loopback(url);
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'`' | b'<' | b'>'));
    let bare = url.username().is_empty() && url.password().is_none() && url.host_str().is_some();
    (fits && plain && bare).then_some(text)
}

/// The program, and its arguments before the address.
fn opener() -> (OsString, &'static [&'static str]) {
    if cfg!(target_os = "macos") {
        ("/usr/bin/open".into(), &[])
    } else if cfg!(windows) {
        // Not `cmd /C start`, which reads `&` as the end of a command.
        let mut program = std::env::var_os("SystemRoot").unwrap_or_else(|| "C:\\Windows".into());
        program.push("\\System32\\rundll32.exe");
        (program, &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open".into(), &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        address(&Url::parse(text).unwrap()).map(str::to_owned)
    }

    #[test]
    fn l6_only_addresses_for_a_browser_are_opened_and_as_one_argument() {
        assert_eq!(of("https://a.example/$(x)&calc?b=c|d").as_deref(), Some("https://a.example/$(x)&calc?b=c|d"));
        assert_eq!(of("https://a.example/a b\"c`d").as_deref(), Some("https://a.example/a%20b%22c%60d"));
        assert_eq!(of("http://127.0.0.1:9000/auth").as_deref(), Some("http://127.0.0.1:9000/auth"));
        for bad in [
            "http://a.example/",
            "http://localhost:9000/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "ms-settings:x",
            "https://user@a.example/",
            "https://a.example/?a=`x`",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
