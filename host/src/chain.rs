//! What an installed tool is, link by link: from the manifest that a person read to the code that runs. Each link is computed anew
//! from what lies on the disk, so that whoever changed something between the yes and now is found, with the place (threats I1, I2, I10).

use std::fmt;

use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use hotcell_sandbox::Kept;
use serde::Serialize;

use crate::Granted;
use crate::Host;
use crate::Manifest;
use crate::catalog::before;
use crate::catalog::executor;
use crate::embedded;

/// All links of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The tool's name.
    pub tool: String,
    /// Whether every link holds.
    pub whole: bool,
    /// The links, from the author's side to the machine's.
    pub links: Vec<Link>,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it is: `manifest`, `executor` or `component`, `package`, `grant`, `code`, `host`.
    pub link: &'static str,
    /// The digest, computed now.
    pub digest: Option<Digest>,
    /// Whether it holds.
    pub good: bool,
    /// What was found.
    pub found: String,
    /// What to do; empty where it holds.
    pub repair: String,
}

impl Link {
    fn good(link: &'static str, digest: Option<Digest>, found: impl fmt::Display) -> Self {
        Self { link, digest, good: true, found: found.to_string(), repair: String::new() }
    }

    fn broken(link: &'static str, digest: Option<Digest>, found: impl fmt::Display, repair: impl fmt::Display) -> Self {
        Self { link, digest, good: false, found: found.to_string(), repair: repair.to_string() }
    }

    /// A link that was tried.
    fn of(link: &'static str, digest: Option<Digest>, tried: Result<String, Refusal>) -> Self {
        match tried {
            Ok(found) => Self::good(link, digest, found),
            Err(refusal) => Self::broken(link, digest, refusal.message, refusal.hint),
        }
    }
}

impl Host {
    /// The links of an installed tool. Compiles and runs nothing.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::UnknownTool`]; what is broken is in the links.
    pub fn chain(&self, tool: &str) -> Result<Chain, Refusal> {
        let granted = self.catalog().find(tool)?;
        let mut links = self.of_package(&granted)?;
        links.push(self.of_code(&granted)?);
        links.push(Link::good("host", None, concat!("hotcell ", env!("CARGO_PKG_VERSION"))));
        Ok(Chain { tool: granted.name, whole: links.iter().all(|link| link.good), links })
    }

    /// Manifest, executor or component, package, grant.
    fn of_package(&self, granted: &Granted) -> Result<Vec<Link>, Refusal> {
        let again = format!(
            "get the tool anew, look at it, and install it: hotcell install FILE; or: hotcell remove {}",
            granted.name
        );
        let Some(bytes) = self.catalog().file(granted)? else {
            return Ok(vec![Link::broken("package", None, "the file is gone", again)]);
        };
        let digest = Digest::of(&bytes);
        let package = if digest == granted.digest {
            Link::good("package", Some(digest), format!("{} bytes, as granted", bytes.len()))
        } else {
            Link::broken("package", Some(digest), format!("{} was granted", granted.digest.short()), &again)
        };
        let (text, manifest) = match read(&bytes) {
            Ok(read) => read,
            Err(refusal) => return Ok(vec![Link::broken("manifest", None, refusal.message, again), package]),
        };
        let mut links = vec![of_manifest(granted, text, &manifest, &again)];
        links.push(of_code_part(granted, &bytes, text, &manifest, &again));
        links.push(package);
        links.push(Link::of("grant", Some(granted.digest), self.of_grant(granted, &manifest)));
        Ok(links)
    }

    /// Whether the grant is one that `hotcell install` can have written for this manifest, and the operator's services know it.
    fn of_grant(&self, granted: &Granted, manifest: &Manifest) -> Result<String, Refusal> {
        let widest = Granted {
            declared: granted.declared.clone(),
            ..Granted::all_of(manifest, granted.digest, granted.granted_at)
        };
        let beyond = granted.beyond(&widest);
        if !beyond.is_empty() {
            return Err(Refusal::new(
                hotcell_protocol::Code::ToolNotTrusted,
                format!("grants.lock allows what the manifest does not ask for: {}", visible(&beyond.join("; "))),
                format!(
                    "somebody changed the file: look at it, then hotcell revoke {0}, or hotcell remove {0}",
                    granted.name
                ),
            ));
        }
        for action in granted.actions.keys() {
            self.services().check(&crate::call::grant_of(granted, action)?)?;
        }
        Ok(format!("given {}, within what the manifest asks for", granted.granted_at.strftime("%Y-%m-%d")))
    }

    /// The compiled code that is kept.
    fn of_code(&self, granted: &Granted) -> Result<Link, Refusal> {
        let digest = granted.code_digest();
        Ok(match self.code.kept(digest, &granted.imports())? {
            Kept::Foreign => Link::broken(
                "code",
                Some(digest),
                "compiled code is kept that this hotcell did not make; it is not run",
                format!(
                    "the next call compiles it anew; see who writes to the cache folder, or empty it: hotcell call {}",
                    granted.name
                ),
            ),
            Kept::Genuine => {
                Link::good("code", Some(digest), "compiled code of it is kept, authenticated by this host's key")
            }
            Kept::Nothing => Link::good("code", Some(digest), "no compiled code is kept: the next call compiles it"),
        })
    }
}

fn read(bytes: &[u8]) -> Result<(&str, Manifest), Refusal> {
    let missing = || Refusal::internal("the package has no manifest");
    let text = embedded(bytes)?.ok_or_else(missing)?;
    Ok((text, Manifest::parse(text, "the embedded manifest")?))
}

fn of_manifest(granted: &Granted, text: &str, manifest: &Manifest, again: &str) -> Link {
    let digest = Some(Digest::of(text.as_bytes()));
    if (&manifest.name, &manifest.version) != (&granted.name, &granted.version) {
        let found = format!("it is that of {} {}", manifest.name, visible(&manifest.version));
        return Link::broken("manifest", digest, found, again);
    }
    match &granted.declared {
        Some(parts) if Some(parts.manifest_digest) != digest => {
            Link::broken("manifest", digest, format!("{} was granted", parts.manifest_digest.short()), again)
        }
        Some(_) => Link::good("manifest", digest, "as granted"),
        None => Link::good("manifest", digest, "in the package"),
    }
}

/// What runs: of a tool without code the executor, else the component.
fn of_code_part(granted: &Granted, bytes: &[u8], text: &str, manifest: &Manifest, again: &str) -> Link {
    let part = before(bytes, text);
    let digest = part.map(Digest::of);
    let wanted = match (&granted.declared, &manifest.executor) {
        (None, None) => return Link::good("component", digest, "in the package"),
        (None, Some(_)) => {
            return Link::broken("executor", digest, "the grant names none, and the manifest does", again);
        }
        (Some(_), None) => {
            return Link::broken("executor", digest, "the grant names one, and the manifest does not", again);
        }
        (Some(wanted), Some(_)) => wanted,
    };
    let (Some(part), Some(found)) = (part, digest) else {
        return Link::broken("executor", digest, "the package was not made of an executor and a manifest", again);
    };
    let checked = executor::same(&wanted.executor, wanted.executor_digest, found, "the granted one")
        .and_then(|()| hotcell_sandbox::describe(part, &granted.imports()))
        .and_then(|description| executor::function(&wanted.executor, &description))
        .map(|_| format!("`{}`, as granted", wanted.executor));
    Link::of("executor", digest, checked)
}
