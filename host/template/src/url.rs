//! The URL of a template: an origin that no value can change, and a path whose segments no value can part.

use crate::encode::encode;
use crate::encode::refused_segment;
use crate::text::Piece;
use crate::text::Text;
use crate::text::shown;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// An origin, for requests without a token: `https://api.example.com`.
    Origin(String),
    /// The origin of the operator's service of this name.
    Service(String),
}

/// A URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlTemplate {
    pub(crate) base: Base,
    pub(crate) segments: Vec<Text>,
}

impl UrlTemplate {
    /// Reads a URL; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (base, path) = base(text)?;
        if path.contains(['?', '#']) {
            return Err("it has a `?` or a `#`: the keys of a query go into `query`".into());
        }
        let path = path.strip_prefix('/').ok_or("it has no path: write at least `/`")?;
        let segments = path.split('/').map(Text::parse).collect::<Result<Vec<_>, _>>()?;
        let last = segments.len().saturating_sub(1);
        for (index, segment) in segments.iter().enumerate() {
            check(segment, index == last)?;
        }
        Ok(Self { base, segments })
    }
}

/// As `config.toml` names services.
fn is_service(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(good)
}

/// Takes the origin off a URL.
fn base(text: &str) -> Result<(Base, &str), String> {
    if let Some(rest) = text.strip_prefix("${service.") {
        let (name, path) = rest.split_once('}').ok_or("`${service.` has no `}`")?;
        if !is_service(name) {
            return Err(format!("`{}` is no service's name", shown(name)));
        }
        return Ok((Base::Service(name.to_owned()), path));
    }
    let rest = text.strip_prefix("https://").ok_or("it begins neither with `${service.NAME}/` nor with `https://`")?;
    let (host, path) = rest.find('/').map(|at| rest.split_at(at)).ok_or("it has no path: write at least `/`")?;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':');
    if host.is_empty() || !host.chars().all(good) {
        return Err(
            "its host is not plain: no value, user name or upper case can stand there; for a server of the operator's \
                    choice, write ${service.NAME}"
                .into(),
        );
    }
    Ok((Base::Origin(format!("https://{host}")), path))
}

/// What stands in a path as it is: RFC 3986's `pchar` without `%`, `;` and `$`.
fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!&'()*+,=:@".contains(c)
}

fn check(segment: &Text, is_last: bool) -> Result<(), String> {
    let [Piece::Plain(plain)] = segment.pieces() else {
        let mut plain = segment.pieces().iter().filter_map(|piece| match piece {
            Piece::Plain(text) => Some(text.as_str()),
            Piece::Value(_) => None,
        });
        return match segment.pieces() {
            [] if is_last => Ok(()),
            [] => Err("its path has an empty segment (//)".into()),
            _ => plain.try_for_each(characters),
        };
    };
    characters(plain)?;
    refused_segment(plain).map_or(Ok(()), |why| Err(format!("its path has a segment that no request may have: {why}")))
}

fn characters(plain: &str) -> Result<(), String> {
    match plain.chars().find(|c| !is_path_char(*c)) {
        None => Ok(()),
        Some(odd) => {
            Err(format!("its path has {odd:?}, which cannot stand there as it is: make it the default of a parameter"))
        }
    }
}

/// A segment with its values, encoded. `Err` has the reason.
pub(crate) fn segment(pieces: &[(&str, bool)]) -> Result<String, &'static str> {
    let whole: String = pieces.iter().map(|(text, _)| *text).collect();
    if let Some(why) = refused_segment(&whole) {
        return Err(why);
    }
    Ok(pieces.iter().map(|(text, is_value)| if *is_value { encode(text) } else { (*text).to_owned() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_service_or_plain() {
        let url = UrlTemplate::parse("${service.github}/repos/${owner}/x-${n}.json").unwrap();
        assert_eq!(url.base, Base::Service("github".into()));
        assert_eq!(url.segments.len(), 3);
        let url = UrlTemplate::parse("https://api.example.com:8443/").unwrap();
        assert_eq!(url.base, Base::Origin("https://api.example.com:8443".into()));
        assert_eq!(url.segments.len(), 1);
    }

    #[test]
    fn b8_b17_a_url_whose_origin_or_path_is_not_plain_is_refused() {
        for bad in [
            "",
            "/a",
            "http://api.example.com/a",
            "https://api.example.com",
            "${service.github}",
            "${service.github",
            "${service.}/a",
            "${service.a b}/a",
            "https://${host}/a",
            "https://api.${var.region}.example.com/a",
            "https://ada@api.example.com/a",
            "https://API.example.com/a",
            "${host}/a",
            "${service.github}.evil.example/a",
            "${service.github}@evil.example/a",
            "https:///a",
            "ftp://a/b",
            "${service.github}/a?b=c",
            "${service.github}/a#b",
            "${service.github}/a?${q}",
            "${service.github}//a",
            "${service.github}/a//b",
            "${service.github}/../a",
            "${service.github}/./a",
            "${service.github}/a%2fb",
            "${service.github}/a;b",
            "${service.github}/a b",
            "${service.github}/ä",
            "${service.github}/a\\b",
            "${service.github}/a/${service.x}",
            "${service.github}/a\n",
            "https://api.example.com\n/a",
            "https://[::1]/a",
        ] {
            assert!(UrlTemplate::parse(bad).is_err(), "{bad:?}");
        }
        for good in [
            "${service.github}/",
            "${service.s}/a/",
            "${service.s}/v1/projects:list",
            "${service.s}/@me/${a}${b}",
            "${service.my.api_2}/",
        ] {
            UrlTemplate::parse(good).unwrap();
        }
    }
}
