//! The header filter: what passes is on the list, once, and of plain characters (threats B1 to B7).

use hotcell_protocol::Header;

use super::outcome;
use crate::policy::headers::check;
use crate::policy::headers::is_never_allowed;

/// What the service adds to the list. The second may not be added by any service, and must not pass all the same.
const FURTHER: [&str; 2] = ["x-trace", "authorization"];

/// Names and values, as `name: value` a line; 0xff stands for a line end within.
pub fn headers(data: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(data).replace('\u{fffd}', "\r\n");
    let fields: Vec<Header> = text
        .split('\n')
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            Header::new(name, value)
        })
        .collect();
    let further = FURTHER.map(str::to_owned);
    match check(&fields, &further) {
        Ok(checked) => {
            let map = checked.into_map();
            assert_eq!(map.len(), fields.len(), "a header was dropped or joined");
            for (name, value) in &map {
                assert!(!is_never_allowed(name.as_str()), "{name}");
                assert_eq!(map.get_all(name).iter().count(), 1, "{name} twice");
                assert!(
                    name.as_str()
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                );
                assert!(value.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == b'\t'), "{value:?}");
                assert_eq!(value.as_bytes().trim_ascii(), value.as_bytes(), "a value with space around it");
            }
            // Written as they are sent and read back, they are the same fields.
            let written: String =
                map.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect();
            let again: Vec<Header> = written
                .split_terminator("\r\n")
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| Header::new(name, value))
                .collect();
            let same = check(&again, &further).unwrap_or_else(|refusal| panic!("refused the second time: {refusal:?}"));
            assert_eq!(same.into_map(), map);
            outcome(map.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>())
        }
        Err(refusal) => outcome((refusal.code, refusal.message.chars().take(32).collect::<String>())),
    }
}
