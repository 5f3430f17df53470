//! The scan: a token in a published form is found whatever stands around it; what is no token is not (threats E1, E2, E12).

use std::sync::Arc;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::JWT;
use super::TOKEN;
use super::outcome;
use super::store;
use crate::scan::Reading;
use crate::scan::Secrets;
use crate::scan::oracle::Slow;

static SECRETS: LazyLock<Arc<Secrets>> =
    LazyLock::new(|| Arc::new(Secrets::new(store(&[("api", TOKEN, &[]), ("other", JWT, &[])]).live_tokens().unwrap())));
static SLOW: LazyLock<Slow> = LazyLock::new(|| Slow::of(&[TOKEN, JWT]));

/// The verdict, which must be that of the slow search, and the same for a text that comes piece by piece.
fn found(text: &[u8]) -> bool {
    let found = SECRETS.are_in(text);
    assert_eq!(found, SLOW.are_anywhere_in(text), "the slow search says otherwise");
    let mut reading = Reading::new(Arc::clone(&SECRETS));
    reading.more(&text[..text.len() / 2]);
    assert_eq!(found, reading.found(&SECRETS, text), "piece by piece it is judged otherwise");
    found
}

/// A form, a place, and what stands around.
pub fn scan(data: &[u8]) -> u64 {
    let [form, place, change, noise @ ..] = data else { return 0 };
    if found(noise) {
        // Only what really is there: the view holds a whole form of at least 16 letters and digits.
        let letters = noise.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
        assert!(letters >= 16, "found in {letters} letters");
        return outcome("found without being put there");
    }
    let at = usize::from(*place) * noise.len() / 255;
    let (before, after) = noise.split_at(at.min(noise.len()));
    let token = if form & 0x80 == 0 { TOKEN } else { JWT };
    let around = [before, written(*form, token, before).as_slice(), after].concat();
    assert!(found(&around), "form {} of a token is not found", form % FORMS);

    // One letter changed, and it is no token: the whole is looked for, never a part.
    let mut letters = token.as_bytes().to_vec();
    let index = usize::from(*change) % letters.len();
    letters[index] = if letters[index].eq_ignore_ascii_case(&b'x') { b'q' } else { b'x' };
    let other = std::str::from_utf8(&letters).unwrap();
    // The parts of a JWT are tokens by themselves, and a separator is no letter.
    let is_harmless = token == TOKEN && token.as_bytes()[index].is_ascii_alphanumeric() && form % FORMS < 2;
    let changed = [before, b"\n", other.as_bytes(), b"\n", after].concat();
    assert!(!is_harmless || !found(&changed), "a part of a token is found");
    outcome((form % FORMS, form & 0x80, at.min(64) / 8, after.len().min(64) / 8))
}

const FORMS: u8 = 12;

/// The token in a form, written by other means than the scan's.
fn written(form: u8, token: &str, before: &[u8]) -> Vec<u8> {
    let each = |written: &dyn Fn(u8) -> String| token.bytes().map(written).collect::<String>().into_bytes();
    let of_all = |engine: &base64::engine::GeneralPurpose| {
        let cut = before.len().min(7);
        engine.encode([&before[..cut], b"Bearer ", token.as_bytes(), b" tail"].concat()).into_bytes()
    };
    match form % FORMS {
        0 => token.as_bytes().to_vec(),
        1 => token.to_uppercase().into_bytes(),
        2 => each(&|byte| format!("{byte:02x}")),
        3 => each(&|byte| format!("{byte:02X}:")),
        4 => each(&|byte| format!("%{byte:02X}")),
        5 => each(&|byte| format!("\\u{byte:04x}")),
        6 => token.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        7 => token.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        8 => token.bytes().rev().collect(),
        9 => of_all(&STANDARD),
        10 => of_all(&URL_SAFE_NO_PAD),
        _ => each(&|byte| format!("{}\r\n", char::from(byte))),
    }
}
