//! Executors: components that run tools without code. A package of such a tool is an executor with the manifest put into it, so
//! that one digest covers both; the grant keeps the digests of the parts, too. A manifest says what its tool does only as long
//! as the executor is the one that was shipped: another one could do what it likes within the grant (threat I10).

use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde::Deserialize;
use serde::Serialize;

use super::Manifest;
use super::before;

/// The executors that there are.
const KNOWN: [&str; 1] = ["http"];
/// The WIT package whose interfaces are executors, with the version that this host knows.
const PACKAGE: &str = "hotcell:executor/";
const VERSION: &str = "@0.1.";

/// What a tool without code is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// The executor's name.
    pub executor: String,
    /// SHA-256 of the executor, as it was before the manifest was put into it.
    pub executor_digest: Digest,
    /// SHA-256 of the manifest's text.
    pub manifest_digest: Digest,
}

impl Parts {
    /// The parts of a package; `None` for a tool with code.
    ///
    /// # Errors
    /// [`Code::BadComponent`] for a package that was made in another way; [`Code::ToolNotTrusted`] for another executor than the one
    /// whose digest the manifest names.
    pub(super) fn of(bytes: &[u8], text: &str, manifest: &Manifest) -> Result<Option<Self>, Refusal> {
        let Some(wanted) = manifest.executor.as_deref().map(Wanted::of).transpose()? else { return Ok(None) };
        let executor = before(bytes, text).ok_or_else(|| {
            Refusal::new(
                Code::BadComponent,
                "the manifest is not the last part of the package, so that nobody can say what the executor is",
                "install the tool from its manifest: hotcell install MANIFEST.toml",
            )
        })?;
        let executor_digest = Digest::of(executor);
        if let Some(named) = wanted.digest {
            same(&wanted.name, named, executor_digest, "the one that the manifest names")?;
        }
        Ok(Some(Self { executor: wanted.name, executor_digest, manifest_digest: Digest::of(text.as_bytes()) }))
    }
}

/// The executor that a manifest asks for: `http`, or `http@sha256:DIGEST` for that one and no later version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) digest: Option<Digest>,
}

impl Wanted {
    /// Reads `executor`; the error has what is wrong, and the repair.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let (name, digest) = match text.split_once("@sha256:") {
            None => (text, None),
            Some((name, digest)) => {
                let repair = "copy it from `hotcell inspect TOOL --chain`, or take `@sha256:…` out";
                let digest = digest.parse().map_err(|error| (format!("{error}"), repair.to_owned()))?;
                (name, Some(digest))
            }
        };
        if !KNOWN.contains(&name) {
            return Err((
                format!("there is no executor `{}`", cut(&visible(name), 80)),
                format!("there is: {}", KNOWN.join(", ")),
            ));
        }
        Ok(Self { name: name.to_owned(), digest })
    }

    /// Of a manifest that was checked.
    pub(crate) fn of(text: &str) -> Result<Self, Refusal> {
        Self::parse(text).map_err(|(what, repair)| Refusal::new(Code::BadConfig, what, repair))
    }

    /// The name of an executor's file.
    pub(crate) fn file_name(&self) -> String {
        format!("{}-executor.wasm", self.name)
    }
}

/// The function that runs a tool's requests, by the name that the sandbox knows it by. The executor is what it says it is by its
/// types: it exports the interface of its name, and the one function in it.
///
/// # Errors
/// [`Code::ToolNotTrusted`] for a component that is another executor, or none.
pub(crate) fn function(name: &str, description: &Description) -> Result<String, Refusal> {
    let is_it = |interface: &str| {
        let rest = interface.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(VERSION))
    };
    let found = description.actions.iter().find(|action| {
        let parameters: Vec<_> = action.parameters.iter().map(|field| (field.name.as_str(), &field.kind)).collect();
        let text =
            |kind: &Option<Type>| matches!(kind, Some(Type::Result { ok: Some(ok), .. }) if **ok == Type::String);
        action.interface.as_deref().is_some_and(is_it)
            && action.function == "run"
            && parameters == [("request", &Type::String), ("values", &Type::String)]
            && text(&action.result)
    });
    found.map(|action| action.name.clone()).ok_or_else(|| {
        let exports: Vec<_> = description.actions.iter().map(|action| action.name.as_str()).collect();
        Refusal::new(
            Code::ToolNotTrusted,
            format!("the executor is not `{name}`: it exports {}", cut(&visible(&exports.join(", ")), 200)),
            format!("name the one that was shipped with this hotcell: --executor {name}-executor.wasm"),
        )
    })
}

/// Refuses an executor that is not the one wanted.
///
/// # Errors
/// [`Code::ToolNotTrusted`] naming both digests.
pub(crate) fn same(name: &str, wanted: Digest, found: Digest, who: &str) -> Result<(), Refusal> {
    if wanted == found {
        return Ok(());
    }
    Err(Refusal::new(
        Code::ToolNotTrusted,
        format!("the executor `{name}` in the package is {}, {who} is {}", found.short(), wanted.short()),
        "install the tool again from its manifest: hotcell install MANIFEST.toml",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotcell_protocol::Action;
    use hotcell_protocol::Field;

    fn executor(interface: &str, function: &str, kind: Type) -> Description {
        let field = |name: &str| Field { name: name.into(), kind: kind.clone() };
        let result = Some(Type::Result { ok: Some(Box::new(Type::String)), err: None });
        Description {
            imports: Vec::new(),
            actions: vec![Action {
                name: "x.run".into(),
                interface: Some(interface.into()),
                function: function.into(),
                parameters: vec![field("request"), field("values")],
                result,
            }],
        }
    }

    #[test]
    fn i10_an_executor_that_is_another_than_its_name_says_is_refused() {
        assert_eq!(function("http", &executor("hotcell:executor/http@0.1.0", "run", Type::String)).unwrap(), "x.run");
        for other in [
            executor("hotcell:executor/ftp@0.1.0", "run", Type::String),
            executor("hotcell:executor/http2@0.1.0", "run", Type::String),
            executor("hotcell:executor/http@0.2.0", "run", Type::String),
            executor("evil:executor/http@0.1.0", "run", Type::String),
            executor("hotcell:executor/http@0.1.0", "walk", Type::String),
            executor("hotcell:executor/http@0.1.0", "run", Type::U8),
        ] {
            assert_eq!(function("http", &other).unwrap_err().code, Code::ToolNotTrusted);
        }
    }

    #[test]
    fn i10_a_manifest_names_a_known_executor_and_can_name_its_digest() {
        let digest = Digest::of(b"x");
        assert_eq!(Wanted::parse("http").unwrap(), Wanted { name: "http".into(), digest: None });
        assert_eq!(Wanted::parse(&format!("http@sha256:{digest}")).unwrap().digest, Some(digest));
        for bad in ["", "curl", "HTTP", "http@", "http@sha256:", "http@sha256:abc", "http@md5:abc", "../http"] {
            assert!(Wanted::parse(bad).is_err(), "{bad}");
        }
        assert!(same("http", digest, digest, "the granted one").is_ok());
        let refusal = same("http", digest, Digest::of(b"y"), "the granted one").unwrap_err();
        assert!(refusal.message.contains(&digest.short()), "{}", refusal.message);
    }
}
