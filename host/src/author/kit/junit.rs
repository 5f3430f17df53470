//! JUnit XML, as CI systems read it: one suite for each case file. Written by hand, because all that is needed are five elements
//! and an escape; what XML 1.0 cannot hold (section 2.2: control characters) is shown as a visible escape.

use std::collections::BTreeMap;

use hotcell_protocol::text::visible;

use super::run::Ran;

/// The whole document.
pub(crate) fn document(tool: &str, ran: &[Ran<'_>]) -> String {
    let mut files = BTreeMap::<&str, Vec<&Ran<'_>>>::new();
    for one in ran {
        files.entry(&one.case.file).or_default().push(one);
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&Ran<'_>> = ran.iter().collect();
    element(&mut out, "testsuites", tool, &all);
    for (file, cases) in files {
        element(&mut out, "testsuite", file, &cases);
        for case in cases {
            one(&mut out, tool, case);
        }
        out.push_str("</testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn element(out: &mut String, element: &str, name: &str, cases: &[&Ran<'_>]) {
    let failures = cases.iter().filter(|case| !case.passed()).count();
    let seconds: f64 = cases.iter().map(|case| case.took.as_secs_f64()).sum();
    let (name, count) = (attribute(name), cases.len());
    out.push_str(&format!(
        "<{element} name=\"{name}\" tests=\"{count}\" failures=\"{failures}\" errors=\"0\" time=\"{seconds:.3}\">\n"
    ));
}

fn one(out: &mut String, tool: &str, ran: &Ran<'_>) {
    let (name, class) = (attribute(&ran.case.name), attribute(&format!("{tool}.{}", ran.case.action)));
    let (file, line, seconds) = (attribute(&ran.case.file), ran.case.line, ran.took.as_secs_f64());
    out.push_str(&format!(
        "<testcase name=\"{name}\" classname=\"{class}\" file=\"{file}\" line=\"{line}\" time=\"{seconds:.3}\""
    ));
    if ran.passed() {
        out.push_str("/>\n");
        return;
    }
    let first = ran.differences.first();
    let message = first.map(|found| format!("{}: expected {}, got {}", found.at, found.expected, found.got));
    out.push_str(&format!(">\n<failure message=\"{}\">", attribute(&message.unwrap_or_default())));
    for found in &ran.differences {
        out.push_str(&text(&format!("{}: expected {}, got {}", found.at, found.expected, found.got)));
        out.push('\n');
    }
    out.push_str("</failure>\n");
    if !ran.seen.log.is_empty() {
        out.push_str("<system-out>");
        for line in &ran.seen.log {
            out.push_str(&text(&line.text));
            out.push('\n');
        }
        out.push_str("</system-out>\n");
    }
    out.push_str("</testcase>\n");
}

/// Text between tags. One text, one line: `visible` turns all that XML cannot hold, and line ends, into escapes.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Not characters of XML 1.0, though of Unicode.
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

fn attribute(value: &str) -> String {
    text(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g5_no_text_leaves_its_place_in_the_document() {
        for (given, written) in [
            ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&apos;"),
            ("]]></failure>", "]]&gt;&lt;/failure&gt;"),
            ("a\nb\t\0\u{1b}[2J", "a\\nb\\t\\u{0}\\u{1b}[2J"),
            ("\u{202e}\u{fffe}\u{ffff}", "\\u{202e}\\u{fffe}\\u{ffff}"),
            ("grün 日本 🙂", "grün 日本 🙂"),
        ] {
            assert_eq!(text(given), written);
        }
    }
}
