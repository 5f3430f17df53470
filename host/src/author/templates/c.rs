//! C. The header of the SDK and the WIT of `hotcell:tool` are written into the project; the bindings are made at each build.

use super::Files;
use super::Kind;
use super::with_wit;

const COMMON: [(&str, &str); 3] = [
    (".gitignore", include_str!("../../../templates/c/gitignore")),
    ("sdk/hotcell.c", include_str!("../../../templates/c/hotcell.c")),
    ("sdk/hotcell.h", include_str!("../../../templates/c/hotcell.h")),
];

const API: [(&str, &str); 6] = [
    ("README.md", include_str!("../../../templates/c/api/README.md")),
    ("hotcell.toml", include_str!("../../../templates/c/api/hotcell.toml")),
    ("service.toml", include_str!("../../../templates/service.toml")),
    ("src/tool.c", include_str!("../../../templates/c/api/tool.c")),
    ("wit/world.wit", include_str!("../../../templates/c/api/world.wit")),
    ("tests/first.toml", include_str!("../../../templates/tests/api-text.toml")),
];

const BLANK: [(&str, &str); 5] = [
    ("README.md", include_str!("../../../templates/c/blank/README.md")),
    ("hotcell.toml", include_str!("../../../templates/c/blank/hotcell.toml")),
    ("src/tool.c", include_str!("../../../templates/c/blank/tool.c")),
    ("wit/world.wit", include_str!("../../../templates/c/blank/world.wit")),
    ("tests/first.toml", include_str!("../../../templates/tests/blank.toml")),
];

pub(super) fn files(kind: Kind) -> Files {
    with_wit(kind, &API, &BLANK, &COMMON)
}
