//! An error that actions can return without declaring one.

use std::fmt;

use crate::http;
use crate::http::Refused;

/// A result with [`Problem`] as its error, if no other is named.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// Why there is no result. Its caller, a person or an agent, sees the case and the text.
///
/// `?` makes one of an [`http::Error`], of JSON that cannot be read, and of text; [`Problem::other`] of anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Not granted to this action, or the server forbids it.
    Denied,
    /// A person must sign in, or the token lacks the scope.
    NeedsSignIn,
    /// There is no such thing, or the token may not see it.
    NotFound,
    /// The arguments cannot be used as they are, and why.
    Invalid(String),
    /// Too many requests: wait before asking again.
    RateLimited,
    /// No answer in time, or the server failed: asking again later may help.
    Unavailable,
    /// Anything else, in words.
    Other(String),
}

impl Problem {
    /// Anything else, in words: `.map_err(Problem::other)?`.
    pub fn other(why: impl fmt::Display) -> Self {
        Self::Other(why.to_string())
    }

    /// Arguments that cannot be used, and why.
    pub fn invalid(why: impl fmt::Display) -> Self {
        Self::Invalid(why.to_string())
    }

    /// What a status of 400 or above means (RFC 9110 section 15), with the server's own words.
    pub(crate) fn of_status(status: u16, words: Option<String>) -> Self {
        let text = || words.unwrap_or_else(|| http::Error::Status(status).to_string());
        match status {
            400 | 409 | 412 | 413 | 415 | 422 => Self::Invalid(text()),
            401 => Self::NeedsSignIn,
            403 => Self::Denied,
            404 | 410 => Self::NotFound,
            408 | 500 | 502..=504 => Self::Unavailable,
            429 => Self::RateLimited,
            _ => Self::Other(text()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "not granted to this action, or the server forbids it",
            Self::Invalid(why) | Self::Other(why) => why,
            Self::NeedsSignIn => "a person must sign in, or the token lacks the scope",
            Self::NotFound => "there is no such thing, or the token may not see it",
            Self::RateLimited => "too many requests: wait before asking again",
            Self::Unavailable => "no answer in time, or the server failed",
        })
    }
}

impl std::error::Error for Problem {}

impl From<http::Error> for Problem {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Host(Refused::Denied) => Self::Denied,
            http::Error::Host(Refused::NeedsSignIn) => Self::NeedsSignIn,
            http::Error::Host(Refused::TimedOut | Refused::Unreachable) => Self::Unavailable,
            http::Error::Host(Refused::TooMany) => Self::RateLimited,
            http::Error::Segment => Self::Invalid(error.to_string()),
            http::Error::Status(status) => Self::of_status(status, None),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::other(error)
    }
}

impl From<String> for Problem {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

impl From<&str> for Problem {
    fn from(why: &str) -> Self {
        Self::Other(why.to_owned())
    }
}

/// For actions that return `Result<T, String>`.
impl From<Problem> for String {
    fn from(problem: Problem) -> Self {
        problem.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_statuses_become_what_a_caller_can_act_on() {
        let status = |status| Problem::from(http::Error::Status(status));
        assert_eq!(status(401), Problem::NeedsSignIn);
        assert_eq!(status(403), Problem::Denied);
        assert_eq!((status(404), status(410)), (Problem::NotFound, Problem::NotFound));
        assert_eq!(status(422), Problem::Invalid("the server answered with status 422".into()));
        assert_eq!(status(429), Problem::RateLimited);
        assert_eq!((status(500), status(503)), (Problem::Unavailable, Problem::Unavailable));
        assert_eq!(status(418), Problem::Other("the server answered with status 418".into()));
        let host = |refused| Problem::from(http::Error::Host(refused));
        assert_eq!((host(Refused::Denied), host(Refused::TooMany)), (Problem::Denied, Problem::RateLimited));
        assert_eq!(host(Refused::Withheld), Problem::Other("the response was withheld".into()));
    }

    #[test]
    fn questions_marks_work_on_what_tools_meet() {
        fn read(text: &str) -> Result<u8> {
            if text.is_empty() {
                return Err("nothing".into());
            }
            let number: u8 = serde_json::from_str(text)?;
            crate::segment(if number == 0 { "" } else { text })?;
            Ok(number)
        }
        assert_eq!(read("7"), Ok(7));
        assert_eq!(read(""), Err(Problem::Other("nothing".into())));
        assert!(matches!(read("x"), Err(Problem::Other(why)) if why.contains("line 1")));
        assert!(matches!(read("0"), Err(Problem::Invalid(_))));
        fn text(text: &str) -> std::result::Result<u8, String> {
            Ok(read(text)?)
        }
        assert_eq!(text(""), Err("nothing".to_owned()));
    }
}
