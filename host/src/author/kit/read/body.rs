//! Bodies in their forms: text, JSON as TOML or as text, base64, a file of the project.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotcell_gate::Piece;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use toml::Spanned;

use super::Reader;
use super::shown;
use crate::author::kit::case::Body;
use crate::author::kit::case::Wanted;
use crate::folders;

/// What stands for the credential that a request carries, in a reply that gives it back.
pub(crate) const CREDENTIAL: &str = "{{credential}}";

/// The forms in which a body can be written; one at most is.
pub(super) struct Forms<'a> {
    pub(super) text: Option<&'a Spanned<String>>,
    pub(super) json: Option<&'a Spanned<toml::Value>>,
    pub(super) json_text: Option<&'a Spanned<String>>,
    pub(super) base64: Option<&'a Spanned<String>>,
    pub(super) file: Option<&'a Spanned<String>>,
}

impl Forms<'_> {
    /// Where the body is written, if it is.
    pub(super) fn given(&self) -> Option<usize> {
        self.starts().next()
    }

    fn starts(&self) -> impl Iterator<Item = usize> {
        let texts = [self.text, self.json_text, self.base64, self.file];
        let json = self.json.map(|value| value.span().start);
        texts.into_iter().flatten().map(|text| text.span().start).chain(json)
    }
}

impl Reader<'_> {
    fn refuse_two(&self, forms: &Forms<'_>) -> Result<(), Refusal> {
        match forms.starts().nth(1) {
            Some(second) => Err(self.one_of(second, "body, json, body_json, body_base64 or body_file")),
            None => Ok(()),
        }
    }

    /// The body of a reply, with places for the credential in what is text.
    pub(super) fn reply_body(&self, forms: &Forms<'_>) -> Result<Vec<Piece>, Refusal> {
        self.refuse_two(forms)?;
        if let Some(value) = forms.json {
            return Ok(pieces(self.json_of(value, "json")?.to_string().as_bytes()));
        }
        if let Some(text) = forms.json_text {
            self.json_in(text, "body_json")?;
            return Ok(pieces(text.get_ref().as_bytes()));
        }
        if let Some(text) = forms.text {
            return Ok(pieces(text.get_ref().as_bytes()));
        }
        Ok(self.bytes(forms)?.map(|bytes| Piece::Bytes(bytes.into())).into_iter().collect())
    }

    /// The body that a request must have.
    pub(super) fn wanted_body(
        &self,
        forms: &Forms<'_>,
        part: Option<&Spanned<toml::Value>>,
    ) -> Result<Option<Body>, Refusal> {
        self.refuse_two(forms)?;
        if let Some(part) = part {
            if forms.given().is_some() {
                return Err(self.one_of(part.span().start, "json_part or the whole body"));
            }
            return Ok(Some(Body::Json(Wanted::Part(self.json_of(part, "json_part")?))));
        }
        if let Some(value) = forms.json {
            return Ok(Some(Body::Json(Wanted::Exactly(self.json_of(value, "json")?))));
        }
        if let Some(text) = forms.json_text {
            return Ok(Some(Body::Json(Wanted::Exactly(self.json_in(text, "body_json")?))));
        }
        if let Some(text) = forms.text {
            return Ok(Some(Body::Bytes(text.get_ref().as_bytes().into())));
        }
        Ok(self.bytes(forms)?.map(|bytes| Body::Bytes(bytes.into())))
    }

    /// What is written as base64 or stands in a file.
    fn bytes(&self, forms: &Forms<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        if let Some(text) = forms.base64 {
            let joined: String = text.get_ref().split_ascii_whitespace().collect();
            return STANDARD.decode(joined).map(Some).map_err(|_| {
                self.bad(text.span().start, "`body_base64` is no base64", "RFC 4648 section 4, with padding")
            });
        }
        forms.file.map(|name| self.file_of_project(name)).transpose()
    }

    /// A file of the project: no name leads out of its folder, neither by `..` nor by a link (threat A5).
    fn file_of_project(&self, name: &Spanned<String>) -> Result<Vec<u8>, Refusal> {
        let bad = |what: &str| {
            let what = format!("`body_file` names `{}`, which {what}", shown(name.get_ref()));
            self.bad(
                name.span().start,
                &what,
                "name a file inside of the project, relative to its folder, without `..`",
            )
        };
        // A pipe would be waited for.
        match self.project.metadata(name.get_ref()) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(bad("is no regular file")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(bad("is not there")),
            Err(_) => return Err(bad("leads out of the project, or cannot be read")),
        }
        let read = folders::read_file(self.project, name.get_ref(), limits::RESPONSE_BODY_BYTES);
        let read = read.map_err(|_| bad("cannot be read, or has more than 8 MiB"))?;
        let read = read.ok_or_else(|| bad("is not there"))?;
        self.read_bytes.set(self.read_bytes.get() + read.len());
        if self.read_bytes.get() > limits::RECEIVED_BYTES {
            return Err(bad("is one too many: the files of these cases have more than 64 MiB together"));
        }
        Ok(read)
    }
}

/// A text with places for the credential.
pub(super) fn pieces(text: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(CREDENTIAL.len()).position(|part| part == CREDENTIAL.as_bytes()) {
        let (before, after) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Bytes(before.into()));
        }
        pieces.push(Piece::Credential);
        rest = after.get(CREDENTIAL.len()..).unwrap_or_default();
    }
    if !rest.is_empty() {
        pieces.push(Piece::Bytes(rest.into()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credential_has_its_places_and_the_rest_stays() {
        let bytes = |text: &str| Piece::Bytes(text.as_bytes().into());
        assert!(pieces(b"").is_empty());
        assert_eq!(pieces(b"a {{credentia}} b"), [bytes("a {{credentia}} b")]);
        assert_eq!(
            pieces(b"a{{credential}}{{credential}}b"),
            [bytes("a"), Piece::Credential, Piece::Credential, bytes("b")]
        );
    }
}
