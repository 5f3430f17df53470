//! A refusal: what was refused and by which rule, and how to repair it. In two lines, with a stable code.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::GuestError;

/// Every way in which Hotcell says no. The kebab-case names are stable: scripts and agents rely on them.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The address behind the name is not public (private, loopback, link-local, metadata, …).
    AddressForbidden,
    /// The arguments do not fit the action's parameters.
    BadArguments,
    /// The file is not a usable component: core module, truncated, too large, unsupported types.
    BadComponent,
    /// The operator's configuration or the tool's manifest has a mistake.
    BadConfig,
    /// The guest's request is malformed.
    BadRequest,
    /// An author's tool cannot be built: its builder is missing, or fails.
    BuildFailed,
    /// The call took longer than its deadline, or more processor time than it has.
    DeadlineExceeded,
    /// The guest trapped: `unreachable`, out-of-bounds access, stack overflow, exit.
    GuestTrapped,
    /// The guest set a header that it may not set.
    HeaderForbidden,
    /// The component imports something that Hotcell does not link.
    ImportNotAllowed,
    /// A scope is needed that the token or the grant does not have.
    InsufficientScope,
    /// The host failed: a mistake of Hotcell or of the machine under it.
    Internal,
    /// The response held a credential, or could not be checked for one.
    LeakStopped,
    /// The guest wanted more memory, tables, instances or handles than it has.
    MemoryExceeded,
    /// The method is not granted for this path.
    MethodNotGranted,
    /// A person must sign in first.
    NeedsLogin,
    /// The call changes something, and no person said yes to it.
    NotApproved,
    /// The origin is not granted to this action.
    OriginNotGranted,
    /// The path is not granted.
    PathNotGranted,
    /// The query has a key that is not granted for this path.
    QueryNotGranted,
    /// The token is over and there is no new one now, though nobody needs to sign in again.
    RefreshFailed,
    /// The request is over its limit.
    RequestTooLarge,
    /// The response is over its limit.
    ResponseTooLarge,
    /// The action's result is over its limit.
    ResultTooLarge,
    /// Files or keys of Hotcell cannot be used: missing, locked, broken, or open to others.
    StoreUnavailable,
    /// The tool changed since a person granted it, or was never granted.
    ToolNotTrusted,
    /// The call's requests are used up.
    TooManyRequests,
    /// The tool has no action of this name.
    UnknownAction,
    /// No tool of this name is installed.
    UnknownTool,
    /// No connection: name, address, TLS, or the server closed it.
    UpstreamUnreachable,
    /// The server did not answer in time.
    UpstreamTimedOut,
    /// The process that ran the tool ended in the middle of the call.
    WorkerLost,
}

impl Code {
    /// The stable kebab-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddressForbidden => "address-forbidden",
            Self::BadArguments => "bad-arguments",
            Self::BadComponent => "bad-component",
            Self::BadConfig => "bad-config",
            Self::BadRequest => "bad-request",
            Self::BuildFailed => "build-failed",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::GuestTrapped => "guest-trapped",
            Self::HeaderForbidden => "header-forbidden",
            Self::ImportNotAllowed => "import-not-allowed",
            Self::InsufficientScope => "insufficient-scope",
            Self::Internal => "internal",
            Self::LeakStopped => "leak-stopped",
            Self::MemoryExceeded => "memory-exceeded",
            Self::MethodNotGranted => "method-not-granted",
            Self::NeedsLogin => "needs-login",
            Self::NotApproved => "not-approved",
            Self::OriginNotGranted => "origin-not-granted",
            Self::PathNotGranted => "path-not-granted",
            Self::QueryNotGranted => "query-not-granted",
            Self::RefreshFailed => "refresh-failed",
            Self::RequestTooLarge => "request-too-large",
            Self::ResponseTooLarge => "response-too-large",
            Self::ResultTooLarge => "result-too-large",
            Self::StoreUnavailable => "store-unavailable",
            Self::ToolNotTrusted => "tool-not-trusted",
            Self::TooManyRequests => "too-many-requests",
            Self::UnknownAction => "unknown-action",
            Self::UnknownTool => "unknown-tool",
            Self::UpstreamUnreachable => "upstream-unreachable",
            Self::UpstreamTimedOut => "upstream-timed-out",
            Self::WorkerLost => "worker-lost",
        }
    }

    /// What the guest learns of it: a case of a closed enum, no rule, no address, no text.
    #[must_use]
    pub fn guest_error(self) -> GuestError {
        match self {
            Self::BadRequest => GuestError::BadRequest,
            Self::NeedsLogin | Self::InsufficientScope => GuestError::NeedsSignIn,
            Self::RequestTooLarge | Self::ResponseTooLarge => GuestError::TooLarge,
            Self::TooManyRequests => GuestError::TooMany,
            Self::DeadlineExceeded | Self::UpstreamTimedOut => GuestError::TimedOut,
            Self::RefreshFailed | Self::UpstreamUnreachable => GuestError::Unreachable,
            Self::LeakStopped => GuestError::Withheld,
            Self::AddressForbidden
            | Self::HeaderForbidden
            | Self::MethodNotGranted
            | Self::OriginNotGranted
            | Self::PathNotGranted
            | Self::QueryNotGranted => GuestError::Denied,
            _ => GuestError::Broken,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal for a person or an agent: a stable code, what was refused and by which rule, and the repair.
///
/// Neither text holds a secret, a query string, a header's value or a body (promise P13). Lower case, no full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// What was refused, and by which rule.
    pub message: String,
    /// How to repair it; empty where there is nothing to do.
    pub hint: String,
}

impl Refusal {
    /// A refusal from its three parts.
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// A failure of the host itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(
            Code::Internal,
            message,
            "this is a mistake of the host, not of the tool: please report it with `--log debug` output",
        )
    }
}
