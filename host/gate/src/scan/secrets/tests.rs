//! Each published form is found, wherever it stands; what only looks like it is not.

use super::super::Reading;
use super::*;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;

const GITHUB: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
const ODD: &str = "a+/B=c~d.e'f<g>h&i\"j\\k{l}m%n@o#p$q!r*s(t)u;v:w,x?y|z^0`1";
const JWT: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

/// The secrets of a store that holds these tokens.
fn secrets(tokens: &[&str]) -> Secrets {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    let folder = tempfile::Builder::new().permissions(mode).tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let store = AuthStore::open(dir, &Key::Memory([1; 32])).unwrap();
    for (number, token) in tokens.iter().enumerate() {
        let token = NewToken::of(Secret::new((*token).to_owned().into()).unwrap());
        store.set_token(&format!("service{number}"), &token).unwrap();
    }
    Secrets::new(store.live_tokens().unwrap())
}

fn hex(token: &str) -> String {
    token.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn each(token: &str, written: impl Fn(u8) -> String) -> String {
    token.bytes().map(written).collect()
}

fn utf16(token: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    token.encode_utf16().flat_map(order).collect()
}

fn wrapped(text: &str, width: usize, by: &str) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(by)
}

fn reserved(token: &str, percent: &str) -> String {
    each(token, |b| {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            char::from(b).to_string()
        } else {
            format!("{percent}{b:02X}")
        }
    })
}

fn base32(token: &str) -> String {
    let bits: String = token.bytes().map(|byte| format!("{byte:08b}")).collect();
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digit = |five: &[u8]| {
        let value = usize::from_str_radix(&format!("{:0<5}", std::str::from_utf8(five).unwrap()), 2).unwrap();
        char::from(digits[value])
    };
    bits.as_bytes().chunks(5).map(digit).collect()
}

/// Name and bytes of each form of a token that the scan must find.
fn published(token: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms: Vec<(&str, Vec<u8>)> = vec![
        ("raw", token.into()),
        ("bearer", format!("Bearer {token}").into()),
        ("upper case", token.to_uppercase().into()),
        ("separated by spaces", wrapped(token, 1, " ").into()),
        ("separated by line ends", wrapped(token, 7, "\r\n").into()),
        ("separated by markup without letters", wrapped(token, 3, "</>").into()),
        ("reversed", token.chars().rev().collect::<String>().into()),
        (
            "rot13",
            each(token, |b| {
                char::from(match b {
                    b'a'..=b'z' => (b - 84) % 26 + 97,
                    b'A'..=b'Z' => (b - 52) % 26 + 65,
                    b => b,
                })
                .to_string()
            })
            .into(),
        ),
        ("UTF-16LE", utf16(token, u16::to_le_bytes)),
        ("UTF-16BE", utf16(token, u16::to_be_bytes)),
        ("UTF-32", token.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("hexadecimal", hex(token).into()),
        ("hexadecimal, upper case", hex(token).to_uppercase().into()),
        ("hexadecimal, by colons", wrapped(&hex(token), 2, ":").into()),
        ("hexadecimal, with 0x", "0x".to_owned().into_bytes().into_iter().chain(hex(token).into_bytes()).collect()),
        ("JSON escapes", each(token, |b| format!("\\u{b:04x}")).into()),
        ("JSON escapes, upper case", each(token, |b| format!("\\u{b:04X}")).into()),
        ("JSON string", serde_json::to_string(token).unwrap().into()),
        ("HTML, decimal", each(token, |b| format!("&#{b};")).into()),
        ("HTML, hexadecimal", each(token, |b| format!("&#x{b:X};")).into()),
        (
            "HTML, where needed",
            token
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;")
                .into(),
        ),
        ("percent, each", each(token, |b| format!("%{b:02X}")).into()),
        ("percent, reserved", reserved(token, "%").into()),
        ("percent, twice", reserved(token, "%25").into()),
        ("percent, each, twice", each(token, |b| format!("%25{b:02x}")).into()),
        ("quoted-printable", each(token, |b| format!("={b:02X}")).into()),
        ("base32", base32(token).into()),
    ];
    for before in ["", "x", "xy", "Authorization: Bearer "] {
        let inner = format!("{before}{token} and more");
        forms.push(("base64", STANDARD.encode(&inner).into()));
        forms.push(("base64url", URL_SAFE.encode(&inner).into()));
        forms.push(("base64 in lines", wrapped(&STANDARD.encode(&inner), 76, "\r\n").into()));
        forms.push(("base64 of base64", STANDARD.encode(STANDARD.encode(&inner)).into()));
        forms.push(("base64 of base64url", STANDARD.encode(URL_SAFE.encode(&inner)).into()));
        forms.push(("base64 of hexadecimal", STANDARD.encode(hex(&inner)).into()));
    }
    forms
}

#[test]
fn e2_every_published_form_is_found_at_any_place() {
    for token in [GITHUB, ODD, JWT] {
        let secrets = secrets(&["another-token-0123456789abcdef", token]);
        for (name, form) in published(token) {
            for (before, after) in [("", ""), ("{\"a\": \"", "\"}"), ("== ", " ==")] {
                let text = [before.as_bytes(), &form, after.as_bytes()].concat();
                assert!(secrets.are_in(&text), "{name} of {token} in {}", String::from_utf8_lossy(&text));
            }
        }
    }
}

#[test]
fn e2_a_jwts_payload_and_signature_are_found_alone_and_its_header_is_not() {
    let secrets = secrets(&[JWT]);
    let parts: Vec<_> = JWT.split('.').collect();
    assert!(!secrets.are_in(parts[0].as_bytes()), "the header is the same for everybody");
    for part in &parts[1..] {
        assert!(secrets.are_in(part.as_bytes()));
        assert!(secrets.are_in(STANDARD.encode(format!("ab{part}cde")).as_bytes()));
    }
}

#[test]
fn e12_a_part_of_a_token_is_never_found() {
    let secrets = secrets(&[GITHUB]);
    for (name, form) in published(GITHUB) {
        if name.starts_with("base64") {
            continue;
        }
        let half = &form[..form.len() * 3 / 4];
        assert!(!secrets.are_in(half), "three quarters of {name}");
    }
    for cut in 1..GITHUB.len() {
        assert!(!secrets.are_in(&GITHUB.as_bytes()[..GITHUB.len() - cut]), "without its last {cut}");
        assert!(!secrets.are_in(&GITHUB.as_bytes()[cut..]), "without its first {cut}");
    }
}

#[test]
fn e7_decoys_before_the_token_do_not_hide_it() {
    let secrets = secrets(&[GITHUB]);
    let decoys = format!("{} ", &GITHUB[..GITHUB.len() - 1]).repeat(1_000);
    assert!(!secrets.are_in(decoys.as_bytes()));
    assert!(secrets.are_in(format!("{decoys}{GITHUB}").as_bytes()));
}

#[test]
fn a_short_secret_counts_as_a_word_of_its_own_only() {
    let secrets = secrets(&["v3ryShrtTokn"]);
    for text in ["v3ryShrtTokn", "{\"t\":\"v3ryShrtTokn\"}", "a=v3ryShrtTokn&b"] {
        assert!(secrets.are_in(text.as_bytes()), "{text}");
    }
    for text in ["xv3ryShrtTokn", "v3ryShrtTokn1", "V3RYSHRTTOKN", "v3ryShrtTok"] {
        assert!(!secrets.are_in(text.as_bytes()), "{text}");
    }
}

#[test]
fn without_a_token_nothing_is_found() {
    assert!(!secrets(&[]).are_in(GITHUB.as_bytes()));
    assert!(!secrets(&[GITHUB]).are_in(b""));
}

#[test]
fn ordinary_text_is_not_taken_for_a_token() {
    let secrets = secrets(&[GITHUB, ODD, JWT, "another-token-0123456789abcdef"]);
    let text = include_str!("../../service/mod.rs").repeat(20);
    assert!(!secrets.are_in(text.as_bytes()));
    assert!(!secrets.are_in(STANDARD.encode(text).as_bytes()));
}

#[test]
fn e8_the_password_of_a_basic_credential_is_found_alone_and_in_every_form() {
    let password = "Correct-Horse-Battery-Staple-42";
    let secrets = secrets(&[&STANDARD.encode(format!("ada:{password}"))]);
    for (name, form) in published(password) {
        assert!(secrets.are_in(&form), "{name}");
    }
    assert!(!secrets.are_in(b"ada"));
}

#[test]
fn e2_every_published_form_is_found_inside_of_json_html_and_percent_encoding_too() {
    for token in [GITHUB, ODD, JWT] {
        let secrets = secrets(&[token]);
        for (name, form) in published(token) {
            let Ok(text) = String::from_utf8(form) else { continue };
            let json = serde_json::json!({"content": text}).to_string();
            let twice = serde_json::json!({"page": json}).to_string();
            let percent: String = text
                .bytes()
                .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
                .collect();
            let html: String = text
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("&#{};", u32::from(c)) })
                .collect();
            let dotnet: String = json
                .chars()
                .map(|c| if "+&<>'`".contains(c) { format!("\\u{:04X}", u32::from(c)) } else { c.to_string() })
                .collect();
            for (wrapping, text) in
                [("JSON", json), ("JSON in JSON", twice), ("percent", percent), ("HTML", html), (".NET", dotnet)]
            {
                assert!(secrets.are_in(text.as_bytes()), "{name} of {token} in {wrapping}: {text}");
            }
        }
    }
    let short = secrets(&["s3cretKey_12"]);
    assert!(short.are_in(br"x\ns3cretKey_12"), "behind an escaped line end");
}

#[test]
fn a_token_is_found_wherever_it_stands_and_however_long_the_text_is() {
    let secrets = secrets(&[GITHUB, JWT]);
    let hex = hex(GITHUB);
    let spaced = each(GITHUB, |byte| format!("{}...", char::from(byte)));
    for form in [GITHUB, JWT, &hex, &spaced] {
        for filler in ["x", "-", "x-"] {
            for length in [0, 1, 39, 600] {
                for before in 0..=length {
                    let text = [&filler.repeat(length)[..before], form, &"y".repeat(length - before)].concat();
                    assert!(secrets.are_in(text.as_bytes()), "{before} of {length}, {filler}");
                }
            }
        }
    }
    let cut = [&"x".repeat(1_000), &GITHUB[..39], "-", &"y".repeat(500)].concat();
    assert!(!secrets.are_in(cut.as_bytes()), "a part of a token is found");
}

#[test]
fn chunks_or_whole_a_body_is_judged_alike() {
    let secrets = Arc::new(secrets(&[GITHUB, ODD, "v3ryShrtTokn"]));
    let other = Arc::new(self::secrets(&[JWT]));
    let filler = "{\"number\": 12, \"title\": \"a window\"}, ".repeat(5_000);
    let mut forms = published(ODD);
    forms.extend([
        ("short", b"'v3ryShrtTokn'".to_vec()),
        ("behind an escape", br"x\nv3ryShrtTokn".to_vec()),
        ("half a token", GITHUB.as_bytes()[..30].to_vec()),
        ("a decoy and a token", [&GITHUB[..39], " ", GITHUB].concat().into()),
        ("another store's", JWT.into()),
    ]);
    for (name, form) in forms {
        for before in [0, 65_530, 131_072 - 20, filler.len()] {
            let body = [&filler.as_bytes()[..before], &form, &filler.as_bytes()[before..]].concat();
            for chunk in [4_096, 65_536, 70_001, body.len()] {
                let mut reading = Reading::new(Arc::clone(&secrets));
                let ends = (0..body.len()).step_by(chunk).skip(1).chain([body.len()]);
                ends.for_each(|end| reading.more(&body[..end]));
                assert_eq!(reading.found(&secrets, &body), secrets.are_in(&body), "{name} at {before} by {chunk}");
            }
            let mut reading = Reading::new(Arc::clone(&secrets));
            reading.more(&body);
            assert_eq!(reading.found(&other, &body), other.are_in(&body), "{name} for a newer token");
        }
    }
}
