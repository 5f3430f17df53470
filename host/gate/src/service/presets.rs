//! Services that Hotcell knows: data files, which an operator takes by `preset = "NAME"` and completes.

use super::written::Written;

/// By name, in the alphabet's order.
const PRESETS: [(&str, &str); 7] = [
    ("github", include_str!("../../presets/github.toml")),
    ("gitlab", include_str!("../../presets/gitlab.toml")),
    ("google", include_str!("../../presets/google.toml")),
    ("notion", include_str!("../../presets/notion.toml")),
    ("oidc", include_str!("../../presets/oidc.toml")),
    ("slack", include_str!("../../presets/slack.toml")),
    ("supabase", include_str!("../../presets/supabase.toml")),
];

/// The names of all presets.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// A preset's table; the error says which there are.
pub(super) fn find(name: &str) -> Result<Written, String> {
    let Some((_, text)) = PRESETS.iter().find(|(known, _)| *known == name) else {
        return Err(format!("there is no such preset; there are {}", names().collect::<Vec<_>>().join(", ")));
    };
    // Never so: a test reads them all.
    toml::from_str(text).map_err(|_| format!("the preset {name} of this version is broken: write the service out"))
}
