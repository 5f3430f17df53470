//! What the browser shows when it comes back: fixed pages, in which nothing of a request stands (threat L5).

/// The end of a page's head: no script, no frame, no trace of the address, no copy.
const HEADERS: &str = "content-type: text/html; charset=utf-8\r\n\
    content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
    referrer-policy: no-referrer\r\n\
    x-content-type-options: nosniff\r\n\
    x-frame-options: DENY\r\n\
    cross-origin-opener-policy: same-origin\r\n\
    cache-control: no-store\r\n\
    connection: close\r\n";

/// An answer to a request of a browser's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// The answer to the sign-in. Whether it is good is said where it was started.
    Taken,
    /// Not the answer that is waited for.
    Bad,
    /// Not a `GET`.
    Method,
    /// Another path.
    Nowhere,
    /// A head of more than 8 KiB, or one that does not end.
    TooLarge,
}

impl Page {
    pub(crate) fn response(self) -> String {
        let (status, text) = match self {
            Self::Taken => (
                "200 OK",
                "Hotcell has the answer. What became of it is said where you started; this page can be closed.",
            ),
            Self::Bad => ("400 Bad Request", "This is not the answer that Hotcell waits for."),
            Self::Method => ("405 Method Not Allowed", "This is not the answer that Hotcell waits for."),
            Self::Nowhere => ("404 Not Found", "There is nothing here."),
            Self::TooLarge => ("431 Request Header Fields Too Large", "This is not the answer that Hotcell waits for."),
        };
        let page = format!("<!doctype html><html lang=\"en\"><title>Hotcell</title><p>{text}</p></html>\n");
        format!("HTTP/1.1 {status}\r\n{HEADERS}content-length: {}\r\n\r\n{page}", page.len())
    }
}
