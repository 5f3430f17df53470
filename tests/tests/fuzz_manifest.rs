//! The manifest's reader, fuzzed: what it accepts means the same when it is written and read again, and has no key that it ignores.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use hotcell::Manifest;
use hotcell_fuzz::Target;
use hotcell_fuzz::outcome;
use hotcell_protocol::Code;

fn manifest(data: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(data) else { return 0 };
    match Manifest::parse(text, "hotcell.toml") {
        Ok(manifest) => {
            let written = toml::to_string(&manifest).unwrap();
            let again =
                Manifest::parse(&written, "hotcell.toml").unwrap_or_else(|refusal| panic!("{written}\n{refusal:?}"));
            assert_eq!(again, manifest);
            assert!(
                Manifest::parse(&format!("nobody-knows-this = 1\n{text}"), "hotcell.toml").is_err(),
                "a key is ignored"
            );
            // Nothing is asked for that is not written there.
            for (action, ask) in &manifest.actions {
                assert!(text.contains(action.as_str()) || text.contains('\\'), "{action}");
                let asked = ask
                    .services
                    .iter()
                    .flat_map(|(name, scopes)| std::iter::once(name).chain(scopes))
                    .chain(&ask.public);
                asked.for_each(|word| assert!(text.contains(word.as_str()) || text.contains('\\'), "{word}"));
            }
            outcome((manifest.actions.len().min(4), manifest.inert_imports.len(), manifest.description.is_empty()))
        }
        Err(refusal) => {
            assert_eq!(refusal.code, Code::BadConfig);
            assert!(
                !refusal.hint.is_empty() && !refusal.message.bytes().any(|byte| byte < 0x20 && byte != b'\n'),
                "{refusal:?}"
            );
            // Without line, column and the text's own words.
            let words: Vec<_> =
                refusal.message.split(['`', ',', ':']).filter(|part| !part.contains("line")).take(3).collect();
            outcome(words.iter().map(|word| word.chars().take(24).collect::<String>()).collect::<Vec<_>>())
        }
    }
}

#[test]
fn fuzz_manifest() {
    let target = Target {
        name: "manifest",
        seeds: &[
            b"name = \"a\"\nversion = \"1\"\n",
            b"name = \"github-issues\"\nversion = \"0.1.0\"\ndescription = \"x\"\ninert_imports = [\"wasi:sockets\"]\n[actions.list-issues]\nservices = { github = [\"issues:read\"] }\npublic = [\"GET https://api.example.com/v1/**\"]\n",
            b"name = \"a\"\nversion = \"1\"\n[actions.\"api.go\"]\ndescription = \"\\u0041\"\n[actions.\"api.go\".services]\nx = []\n",
        ],
        words: &[
            b"\n", b"=", b"\"", b"'''", b"[actions.", b"]", b"services", b"public", b"name", b"version", b"[[", b"\\u0000", b"{", b"}", b"wasi:sockets",
            b"GET https://", b"# ", b"inert_imports", b"1979-05-27", b"\xc3\xa9", b"\xe2\x80\xae",
        ],
    };
    target.drive(manifest);
}
