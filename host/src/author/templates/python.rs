//! Python. pip's requirements pin the builder and the packages; the WIT of `hotcell:tool` is written into the project.

use super::Files;
use super::Kind;
use super::with_wit;

const COMMON: [(&str, &str); 3] = [
    (".gitignore", include_str!("../../../templates/python/gitignore")),
    ("pyproject.toml", include_str!("../../../templates/python/pyproject.toml")),
    ("requirements-build.txt", include_str!("../../../templates/python/requirements-build.txt")),
];

const API: [(&str, &str); 8] = [
    ("README.md", include_str!("../../../templates/python/api/README.md")),
    ("hotcell.toml", include_str!("../../../templates/python/api/hotcell.toml")),
    ("requirements.txt", include_str!("../../../templates/python/api/requirements.txt")),
    ("service.toml", include_str!("../../../templates/service.toml")),
    ("src/hotcell.py", include_str!("../../../templates/python/api/hotcell.py")),
    ("src/tool.py", include_str!("../../../templates/python/api/tool.py")),
    ("wit/world.wit", include_str!("../../../templates/python/api/world.wit")),
    ("tests/first.toml", include_str!("../../../templates/tests/api.toml")),
];

const BLANK: [(&str, &str); 6] = [
    ("README.md", include_str!("../../../templates/python/blank/README.md")),
    ("hotcell.toml", include_str!("../../../templates/python/blank/hotcell.toml")),
    ("requirements.txt", include_str!("../../../templates/python/blank/requirements.txt")),
    ("src/tool.py", include_str!("../../../templates/python/blank/tool.py")),
    ("wit/world.wit", include_str!("../../../templates/python/blank/world.wit")),
    ("tests/first.toml", include_str!("../../../templates/tests/blank.toml")),
];

pub(super) fn files(kind: Kind) -> Files {
    with_wit(kind, &API, &BLANK, &COMMON)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// pip demands digests of all as soon as one has them, so a package that is added without one is refused.
    #[test]
    fn what_pip_brings_is_pinned_to_the_byte() {
        for text in [COMMON[2].1, API[2].1] {
            let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
            let packages = lines.iter().filter(|line| !line.starts_with(' ')).count();
            assert!(packages > 0);
            for line in lines {
                let is_pinned = line.contains("==") && line.ends_with('\\') || line.starts_with("    --hash=sha256:");
                assert!(is_pinned, "{line}");
            }
        }
    }
}
