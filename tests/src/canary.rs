//! Canaries: tokens that exist for one test, and the search for them in everything that the test saw and left behind.

use std::path::Path;
use std::sync::Mutex;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token of 256 random bits, in the form of a real one.
#[derive(Clone)]
pub struct Canary {
    token: String,
}

impl Canary {
    /// A new one. `prefix` is what services put before theirs, for instance `ghp_`.
    pub fn new(prefix: &str) -> Self {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).unwrap();
        Self { token: format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// A token that a server made.
    pub fn of(token: &str) -> Self {
        assert!(token.len() >= 20, "too short to be searched for: {} bytes", token.len());
        Self { token: token.to_owned() }
    }

    /// The token itself: for the server that must accept it, and for standard input of `hotcell auth set`.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What is searched for: the forms of the published list (SECURITY.md), written here once more and by other means, so that
    /// a mistake of the scan is not repeated in what checks it.
    pub fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let token = &self.token;
        let each = |written: fn(u8) -> String| token.bytes().map(written).collect::<String>().into_bytes();
        let utf16 = |order: fn(u16) -> [u8; 2]| token.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let mut forms = vec![
            ("raw", token.clone().into_bytes()),
            ("raw, without its first bytes", token.as_bytes()[8..].to_vec()),
            ("reversed", token.bytes().rev().collect()),
            ("hexadecimal", each(|byte| format!("{byte:02x}"))),
            ("hexadecimal, upper case", each(|byte| format!("{byte:02X}"))),
            ("hexadecimal, by colons", each(|byte| format!("{byte:02x}:"))),
            ("hexadecimal, by commas", each(|byte| format!("{byte:02x}, "))),
            ("decimal bytes", each(|byte| format!("{byte}, "))),
            ("decimal bytes, close", each(|byte| format!("{byte},"))),
            ("percent", each(|byte| format!("%{byte:02X}"))),
            ("percent, lower case", each(|byte| format!("%{byte:02x}"))),
            ("JSON escapes", each(|byte| format!("\\u{byte:04x}"))),
            ("HTML, decimal", each(|byte| format!("&#{byte};"))),
            ("HTML, hexadecimal", each(|byte| format!("&#x{byte:x};"))),
            ("UTF-16LE", utf16(u16::to_le_bytes)),
            ("UTF-16BE", utf16(u16::to_be_bytes)),
        ];
        for (shift, first) in [(0, 0), (1, 2), (2, 3)] {
            let shifted = [&vec![0; shift][..], token.as_bytes()].concat();
            let last = shifted.len() / 3 * 4;
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                forms.push(("base64", engine.encode(&shifted).as_bytes()[first..last].to_vec()));
            }
        }
        forms
    }

    /// The form in which the bytes hold the token, if they do.
    pub fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        self.search()(bytes)
    }

    /// The same for many bytes, made ready once.
    fn search(&self) -> impl Fn(&[u8]) -> Option<&'static str> + use<> {
        let (names, forms): (Vec<_>, Vec<_>) = self.forms().into_iter().unzip();
        let search = AhoCorasick::new(forms).unwrap();
        move |bytes| search.find(bytes).map(|found| names[found.pattern().as_usize()])
    }
}

/// Everything that a test saw: results, output of processes, log lines.
#[derive(Default)]
pub struct Sinks(Mutex<Vec<(String, Vec<u8>)>>);

impl Sinks {
    /// Keeps what came out of somewhere.
    pub fn keep(&self, from: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.lock().unwrap().push((from.into(), bytes.into()));
    }

    /// Where the canary is, in what was kept and in every file below the folders. Empty if nowhere.
    pub fn search(&self, canary: &Canary, folders: &[&Path]) -> Vec<String> {
        let (kept, search) = (self.0.lock().unwrap(), canary.search());
        let mut found: Vec<String> =
            kept.iter().filter_map(|(from, bytes)| Some(format!("{from} ({})", search(bytes)?))).collect();
        for (path, bytes) in folders.iter().flat_map(|folder| files_below(folder)) {
            found.extend(search(&bytes).map(|form| format!("{path} ({form})")));
        }
        found
    }

    /// Which of what was kept holds this text as it is: for what is too short to be a canary.
    pub fn with(&self, text: &str) -> Vec<String> {
        let kept = self.0.lock().unwrap();
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        kept.iter().filter(|(_, bytes)| holds(bytes)).map(|(from, _)| from.clone()).collect()
    }

    /// How many places a search looks at.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                // A name can give a token away as well as a content can.
                files.push((
                    path.display().to_string(),
                    [bytes.as_slice(), path.as_os_str().as_encoded_bytes()].concat(),
                ));
            }
        }
    }
    files
}
