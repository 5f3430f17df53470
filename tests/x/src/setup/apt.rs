//! What apt's files and answers say. Pure: text in, text out.

use std::path::Path;

/// How one of apt's files is written (sources.list(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `.sources`: stanzas of fields.
    Deb822,
    /// `.list`: one source in each line.
    OneLine,
}

/// One source of binary packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
}

/// Reads one of apt's files.
pub(super) fn sources(text: &str, format: Format) -> Vec<Source> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    match format {
        Format::OneLine => lines.filter_map(one_line).collect(),
        Format::Deb822 => {
            let lines: Vec<&str> = lines.collect();
            lines.split(|line| line.trim().is_empty()).flat_map(stanza).collect()
        }
    }
}

/// `deb [options] URI suite component…`
fn one_line(line: &str) -> Option<Source> {
    let rest = line.split('#').next()?.trim().strip_prefix("deb")?;
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let rest = rest.strip_prefix('[').map_or(Some(rest), |rest| rest.split_once(']').map(|(_, rest)| rest))?;
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source { uri: words.next()?, suites: vec![words.next()?], components: words.collect() })
}

/// `URIs:`, `Suites:`, `Components:` of one stanza; a line that begins with a blank goes on with the field before it.
fn stanza(lines: &[&str]) -> Vec<Source> {
    let field = |name: &str| {
        let mut words = Vec::new();
        let mut inside = false;
        for line in lines {
            if line.starts_with([' ', '\t']) {
                words.extend(line.split_whitespace().filter(|_| inside).map(str::to_owned));
            } else if let Some((of, value)) = line.split_once(':') {
                inside = of.trim().eq_ignore_ascii_case(name);
                words.extend(value.split_whitespace().filter(|_| inside).map(str::to_owned));
            }
        }
        words
    };
    let disabled = field("Enabled").iter().any(|value| value.eq_ignore_ascii_case("no"));
    if disabled || !field("Types").iter().any(|kind| kind == "deb") {
        return Vec::new();
    }
    let (suites, components) = (field("Suites"), field("Components"));
    let source = |uri| Source { uri, suites: suites.clone(), components: components.clone() };
    field("URIs").into_iter().map(source).collect()
}

/// Where Debian's packages are fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirrors {
    main: String,
    security: Option<String>,
}

impl Mirrors {
    /// Picks Debian's own archives among all sources of a system. Other vendors use the same suites, and company mirrors any
    /// address: what looks most like Debian's own comes first.
    pub(super) fn choose(sources: &[Source], suite: &str) -> Option<Self> {
        let best = |suite: &str| {
            let fitting = sources.iter().filter(|source| {
                source.suites.iter().any(|of| of == suite) && source.components.iter().any(|of| of == "main")
            });
            fitting.min_by_key(|source| likeness(&source.uri)).map(|source| source.uri.clone())
        };
        let main = best(suite)?;
        let beside = || (likeness(&main) == 0).then(|| format!("{}-security", main.trim_end_matches('/')));
        let security = best(&format!("{suite}-security")).or_else(beside);
        Some(Self { main, security })
    }

    /// A `sources.list` for the system's own suite, its security updates, and the suite with the newer wasi-libc.
    pub(super) fn lines(&self, suite: &str, wasi_suite: &str, keyring: Option<&str>) -> String {
        let signed = keyring.map(|path| format!("[signed-by={path}] ")).unwrap_or_default();
        let mut lines = vec![format!("deb {signed}{} {suite} main\n", self.main)];
        lines.extend(self.security.iter().map(|uri| format!("deb {signed}{uri} {suite}-security main\n")));
        if wasi_suite != suite {
            lines.push(format!("deb {signed}{} {wasi_suite} main\n", self.main));
        }
        lines.concat()
    }
}

/// 0 for an address that ends as Debian's own do, 1 for one that names Debian, 2 for any other.
fn likeness(uri: &str) -> u8 {
    let last = uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    match last {
        "debian" | "debian-security" => 0,
        _ if uri.contains("debian") => 1,
        _ => 2,
    }
}

/// What a system may have added to an update and nobody needs here: hooks, which would touch the system's own caches, and
/// lists for shops and search.
const CLEARED: [&str; 8] = [
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "Acquire::IndexTargets::deb::Contents-deb",
    "Acquire::IndexTargets::deb::DEP-11",
    "Acquire::IndexTargets::deb::DEP-11-icons",
    "Acquire::IndexTargets::deb::DEP-11-icons-hidpi",
    "Acquire::IndexTargets::deb::DEP-11-icons-small",
];

/// apt's settings for a folder of its own. In a file, because a list cannot be cleared on the command line. The rest of the
/// system's settings, such as proxies, stays in force.
pub(super) fn settings(work: &Path) -> String {
    let work = work.display();
    let cleared: String = CLEARED.iter().map(|list| format!("#clear {list};\n")).collect();
    format!(
        "{cleared}\
         APT::Sandbox::User \"\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\n\
         Dir::Cache \"{work}/cache\";\n\
         Dir::Etc::SourceList \"{work}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State::Lists \"{work}/lists\";\n\
         Dir::State::Status \"/dev/null\";\n"
    )
}

/// `bookworm`, from the text of /etc/os-release; `None` where the system is not Debian.
pub(super) fn debian_suite(release: &str) -> Option<String> {
    let debian = os_field(release, "ID").is_some_and(|id| id == "debian");
    debian.then(|| os_field(release, "VERSION_CODENAME")).flatten()
}

/// What a system calls itself.
pub(super) fn system_name(release: &str) -> String {
    os_field(release, "PRETTY_NAME").unwrap_or_else(|| std::env::consts::OS.to_owned())
}

fn os_field(release: &str, name: &str) -> Option<String> {
    let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// The newest version of a package in a suite or its updates. `apt-cache madison` lists the newest first:
/// `package | version | URI suite/component architecture Packages`.
pub(super) fn newest(madison: &str, package: &str, suite: &str) -> Option<String> {
    rows(madison).find(|row| row.package == package && row.is_of(suite)).map(|row| row.version.to_owned())
}

/// Whether a package is there in exactly this version.
pub(super) fn lists(madison: &str, package: &str, version: &str) -> bool {
    rows(madison).any(|row| row.package == package && row.version == version)
}

struct Row<'a> {
    package: &'a str,
    version: &'a str,
    suite: &'a str,
}

impl Row<'_> {
    fn is_of(&self, suite: &str) -> bool {
        self.suite.strip_prefix(suite).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

fn rows(madison: &str) -> impl Iterator<Item = Row<'_>> {
    madison.lines().filter_map(|line| {
        let mut columns = line.split('|').map(str::trim);
        let (package, version, origin) = (columns.next()?, columns.next()?, columns.next()?);
        let suite = origin.split_whitespace().nth(1)?.split('/').next()?;
        Some(Row { package, version, suite })
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
mod tests;
