//! What apt's files and answers say. Pure: text in, text out.

/// Where Debian's packages are fetched from, as the system's own apt files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mirrors {
    /// The archive.
    pub(super) main: Option<String>,
    /// The security archive.
    pub(super) security: Option<String>,
}

impl Mirrors {
    /// Reads one of apt's files, in either format (sources.list(5)).
    pub(super) fn read(&mut self, text: &str) {
        if text.lines().any(|line| line.starts_with("URIs:")) {
            text.split("\n\n").for_each(|stanza| self.stanza(stanza));
        } else {
            text.lines().for_each(|line| self.line(line));
        }
    }

    /// deb822: `URIs:` and `Suites:` of one stanza.
    fn stanza(&mut self, stanza: &str) {
        let field = |name: &str| {
            let line = stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim).unwrap_or_default().to_owned()
        };
        let enabled = field("Enabled") != "no" && field("Types").split_whitespace().any(|kind| kind == "deb");
        if let (true, Some(uri)) = (enabled, field("URIs").split_whitespace().next()) {
            self.take(uri, &field("Suites"));
        }
    }

    /// One line: `deb [options] URI suite component…`.
    fn line(&mut self, line: &str) {
        let Some(rest) = line.trim().strip_prefix("deb ") else { return };
        let rest = rest.trim();
        let rest = rest.strip_prefix('[').map_or(rest, |rest| rest.split_once(']').map_or("", |(_, rest)| rest));
        let mut words = rest.split_whitespace();
        if let (Some(uri), Some(suite)) = (words.next(), words.next()) {
            self.take(uri, suite);
        }
    }

    fn take(&mut self, uri: &str, suites: &str) {
        // Other vendors' archives stand in the same files; Debian's own end like this.
        let path = uri.trim_end_matches('/');
        if path.ends_with("/debian-security") || path.ends_with("/security") || suites.contains("-security") {
            self.security.get_or_insert_with(|| uri.to_owned());
        } else if path.ends_with("/debian") {
            self.main.get_or_insert_with(|| uri.to_owned());
        }
    }
}

/// The newest version of a package in the suites that start so. `apt-cache madison` lists the newest first:
/// `package | version | URI suite/component architecture Packages`.
pub(super) fn newest(madison: &str, package: &str, suite: &str) -> Option<String> {
    madison.lines().find_map(|line| {
        let mut columns = line.split('|').map(str::trim);
        let (name, version, origin) = (columns.next()?, columns.next()?, columns.next()?);
        let of = origin.split_whitespace().nth(1)?;
        (name == package && of.starts_with(suite)).then(|| version.to_owned())
    })
}

/// `1.96` for `1.96.0+dfsg1-1~deb12u2`.
pub(super) fn release(version: &str) -> Option<String> {
    let mut parts = version.split('.');
    Some(format!("{}.{}", parts.next()?, parts.next()?))
}

/// The LLVM library that a package needs, from `apt-cache show`.
pub(super) fn llvm(show: &str) -> Option<String> {
    let depends = show.lines().find_map(|line| line.strip_prefix("Depends:"))?;
    depends.split([',', '|', ' ', '(']).map(str::trim).find(|name| name.starts_with("libllvm")).map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    #[test]
    fn both_formats_of_apts_files_are_read() {
        let mut one_line = Mirrors::default();
        one_line.read(
            "# deb http://commented.example/debian bookworm main\n\
             deb [arch=amd64 signed-by=/k] http://a.example/debian bookworm main\n\
             deb-src http://s.example/debian bookworm main\n\
             deb http://b.example/debian-security bookworm-security main\n\
             deb https://vendor.example/apt stable main\n",
        );
        let mut deb822 = Mirrors::default();
        deb822.read(
            "Types: deb\n# http://c.example/debian\nURIs: http://a.example/debian\nSuites: bookworm bookworm-updates\n\n\
             Types: deb\nURIs: http://b.example/debian-security\nSuites: bookworm-security\n\n\
             Types: deb\nURIs: https://vendor.example/node\nSuites: nodistro\n",
        );
        for mirrors in [one_line, deb822] {
            assert_eq!(mirrors.main.as_deref(), Some("http://a.example/debian"));
            assert_eq!(mirrors.security.as_deref(), Some("http://b.example/debian-security"));
        }
    }

    #[test]
    fn the_newest_version_of_the_right_suite_is_taken() {
        let madison = " rustc-web | 1.96.0-1~deb13u1 | http://a.example/debian trixie/main amd64 Packages\n\
                       rustc-web | 1.96.0-1~deb12u2 | http://a.example/debian-security bookworm-security/main amd64 Packages\n\
                       rustc-web | 1.85.0-1 | http://a.example/debian bookworm/main amd64 Packages\n";
        assert_eq!(newest(madison, "rustc-web", "bookworm").as_deref(), Some("1.96.0-1~deb12u2"));
        assert_eq!(newest(madison, "rustc-web", "trixie").as_deref(), Some("1.96.0-1~deb13u1"));
        assert_eq!(newest(madison, "rustc", "bookworm"), None);
        assert_eq!(release("1.96.0+dfsg1-1~deb12u2").as_deref(), Some("1.96"));
    }

    #[test]
    fn the_llvm_library_is_found_among_the_dependencies() {
        let show = "Package: libstd-rust-web-1.96\nDepends: libc6 (>= 2.34), libllvm22, libstdc++6 (>= 11)\n";
        assert_eq!(llvm(show).as_deref(), Some("libllvm22"));
        assert_eq!(llvm("Package: x\n"), None);
    }
}
