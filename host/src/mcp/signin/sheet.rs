//! What the browser shows. Nothing of a request stands in it, and no script runs.

use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::response::Response;
use hotcell_protocol::text;
use url::Url;

use super::pages::Page;

/// Bytes of a name that a person is shown.
const SHOWN_BYTES: usize = 500;

/// An answer to a request of a browser's.
pub(super) enum Sheet<'a> {
    /// What is meant, and the button.
    Question(&'a Page),
    /// The way to the authorisation server.
    On(&'a Page, &'a Url),
    /// The page was used.
    Started,
    /// The tool is no longer what it was when its call wanted this.
    Changed,
    /// The flow could not begin.
    Failed,
    /// Not the page's own form.
    Foreign,
    /// Neither a look nor the form.
    Method,
    /// No such page, or no longer.
    Nothing,
}

impl Sheet<'_> {
    pub(super) fn response(self) -> Response {
        let (status, words) = match self {
            Self::Question(page) => return question(page),
            Self::On(page, url) => return on(page, url),
            Self::Started => (
                StatusCode::CONFLICT,
                "This sign-in has begun already. It waits for you where it led, for five minutes.",
            ),
            Self::Changed => (StatusCode::GONE, "The tool is not what it was. Let it be called again."),
            Self::Failed => (StatusCode::BAD_GATEWAY, "The sign-in could not begin. The server's own log says why."),
            Self::Foreign => {
                (StatusCode::FORBIDDEN, "This does not come from the page itself, so nothing was started.")
            }
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "There is nothing to do that way."),
            Self::Nothing => (StatusCode::NOT_FOUND, "There is nothing here, or no longer."),
        };
        // No form and no address of its own: it may hide where it stands.
        page(status, "Hotcell", "", "no-referrer", "'none'", &format!("<p>{words}</p>"))
    }
}

fn question(of: &Page) -> Response {
    let purpose = &of.purpose;
    let service = escaped(&purpose.service);
    let scopes = purpose.scopes.iter().map(|scope| escaped(scope)).collect::<Vec<_>>().join(", ");
    let tool = escaped(&format!("{} {}", purpose.granted.name, purpose.granted.version));
    let facts = [
        ("Tool", tool),
        ("Action", escaped(&purpose.action)),
        ("Service", service.clone()),
        ("Scopes", scopes),
        ("You sign in at", escaped(&purpose.server)),
    ];
    let whose = purpose.user.as_ref().map(|user| ("For the user", escaped(user.subject())));
    let mut body = format!(
        "<h1>Sign in to {service}?</h1>\
         <p>An agent called a tool that needs this. Go on only if you want it to. Nothing has been started yet.</p><dl>"
    );
    // First: who opens another's page would give their token to that user.
    for (name, value) in whose.into_iter().chain(facts) {
        body.push_str(&format!("<dt>{name}</dt><dd>{value}</dd>"));
    }
    body.push_str(&format!(
        "</dl><p>Hotcell keeps the token and uses it for the scopes above. Neither the agent nor the tool sees it. \
         All tools that were granted these scopes can use it.</p>\
         <form method=\"post\"><input type=\"hidden\" name=\"token\" value=\"{}\">\
         <button type=\"submit\">Sign in</button></form>",
        of.token()
    ));
    // With no-referrer a browser would hide the origin of the form too, and the form could not be told from a foreign one.
    page(StatusCode::OK, &format!("Sign in to {service}"), "", "same-origin", "'self'", &body)
}

/// Not a redirect: some browsers hold the whole chain of redirects after a form against `form-action`.
fn on(of: &Page, url: &Url) -> Response {
    let (server, url) = (escaped(&of.purpose.server), html(url.as_str()));
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"0;url={url}\">");
    let body = format!("<p>Going on to <a href=\"{url}\" rel=\"noreferrer\">{server}</a>.</p>");
    page(StatusCode::OK, "Hotcell", &refresh, "no-referrer", "'none'", &body)
}

fn page(status: StatusCode, title: &str, head: &str, referrer: &str, forms: &str, body: &str) -> Response {
    let policy = format!("default-src 'none'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'");
    let fields = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, referrer.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::X_FRAME_OPTIONS, "DENY".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let opener = [("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin")];
    let text = format!("<!doctype html><html lang=\"en\"><title>{title}</title>{head}{body}</html>\n");
    (status, fields, opener, text).into_response()
}

/// A name, in one line, its odd characters visible, as text of a page.
fn escaped(name: &str) -> String {
    html(&text::cut(&text::visible(name), SHOWN_BYTES))
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::signin::pages::Pages;
    use crate::mcp::signin::pages::tests::purpose;

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn l8_what_a_person_reads_cannot_become_a_page_of_another() {
        let mut purpose = purpose("<script>alert(1)</script>");
        purpose.service = "a\"onload='x'".into();
        purpose.server = "https://a.example/\u{202e}moc.elpmaxe".into();
        let page = Pages::default().of(purpose).unwrap().unwrap();
        let shown = text(Sheet::Question(&page).response()).await;
        assert!(!shown.contains("<script") && !shown.contains("\"onload") && !shown.contains('\u{202e}'), "{shown}");
        assert!(shown.contains("&lt;script&gt;") && shown.contains("\\u{202e}"), "{shown}");
        assert!(!shown.contains(page.nonce()) && shown.contains(page.token()));
        let url = Url::parse("https://a.example/auth?a=1&b=\"><script>").unwrap();
        let shown = text(Sheet::On(&page, &url).response()).await;
        assert!(shown.contains("a=1&amp;b=") && !shown.contains("<script"), "{shown}");
        assert!(!shown.contains(page.token()));
    }
}
