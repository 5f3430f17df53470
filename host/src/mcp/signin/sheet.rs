//! What the browser shows. Nothing of a request stands in it, and no script runs.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::http::response::Builder;
use axum::response::IntoResponse as _;
use axum::response::Response;
use hotcell_protocol::Refusal;
use hotcell_protocol::text;
use url::Url;

use super::page::Code;
use super::page::Outcome;
use super::page::Page;

/// Bytes of a name that a person is shown.
const SHOWN_BYTES: usize = 500;

/// An answer to a request of a browser's.
pub(super) enum Sheet<'a> {
    /// The tool is no longer what it was when its call wanted this.
    Changed,
    /// Not the page's own form.
    Foreign,
    /// A code is shown to whoever clicked; the button shows it again.
    HasCode(&'a Page),
    /// Neither a look nor the form.
    Method,
    /// The store could not be made where the person chose.
    NoStore(&'a Refusal),
    /// No such page, or no longer.
    Nothing,
    /// The way to the authorisation server.
    On(&'a Page, &'a Url),
    /// What became of it.
    Over(&'a Page, Outcome),
    /// What is meant, and the button.
    Question(&'a Page),
    /// The flow does not begin in time.
    Slow,
    /// The page was used.
    Started,
}

impl Sheet<'_> {
    pub(super) fn response(self) -> Response {
        let (status, words) = match self {
            Self::Changed => (StatusCode::GONE, "The tool is not what it was. Let it be called again.".to_owned()),
            Self::Foreign => {
                (StatusCode::FORBIDDEN, "This does not come from the page itself, so nothing was started.".to_owned())
            }
            Self::HasCode(page) => return has_code(page),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "There is nothing to do that way.".to_owned()),
            Self::NoStore(refusal) => (
                StatusCode::BAD_GATEWAY,
                format!(
                    "The key cannot be kept there: {} Nothing was started; go back and choose again.",
                    why(refusal)
                ),
            ),
            Self::Nothing => (StatusCode::NOT_FOUND, "There is nothing here, or no longer.".to_owned()),
            Self::On(page, url) => return on(page, url),
            Self::Over(page, outcome) => result(page, &outcome),
            Self::Question(page) => return question(page),
            Self::Slow => (
                StatusCode::BAD_GATEWAY,
                "The authorisation server does not answer so far. The server's own log says more.".to_owned(),
            ),
            Self::Started => (
                StatusCode::CONFLICT,
                "This sign-in has begun already. It waits for you where it led, for five minutes.".to_owned(),
            ),
        };
        // No form and no address of its own: it may hide where it stands.
        page(status, "Hotcell", "", "no-referrer", "'none'", &format!("<p>{words}</p>"))
    }
}

/// What became of a sign-in, for the person.
pub(super) fn result(of: &Page, outcome: &Outcome) -> (StatusCode, String) {
    let service = escaped(&of.purpose.service);
    match outcome {
        Outcome::Closed => (StatusCode::GONE, "This page is over. Let the tool be called again.".to_owned()),
        Outcome::Failed(refusal) => (
            StatusCode::BAD_GATEWAY,
            format!("You are not signed in to {service}: {} Nothing was changed.", why(refusal)),
        ),
        Outcome::SignedIn(declined) if declined.is_empty() => {
            (StatusCode::OK, format!("You are signed in to {service}. This page can be closed."))
        }
        Outcome::SignedIn(declined) => (
            StatusCode::OK,
            format!(
                "You are signed in to {service}, and the server did not grant: {}. This page can be closed.",
                list(declined, &[].into())
            ),
        ),
    }
}

fn why(refusal: &Refusal) -> String {
    match refusal.hint.as_str() {
        "" => format!("{}.", escaped(&refusal.message)),
        hint => format!("{}. To repair it: {}.", escaped(&refusal.message), escaped(hint)),
    }
}

fn question(of: &Page) -> Response {
    let purpose = &of.purpose;
    let service = escaped(&purpose.service);
    let more = match (purpose.replaces, purpose.new.is_empty()) {
        (false, _) => "",
        (true, true) => " The new token takes the place of the one that is stored.",
        (true, false) => {
            " You are signed in already: the new token takes the place of the one that is stored. It is asked for with what that \
             one has, and with what is marked as new."
        }
    };
    let body = format!(
        "<h1>Sign in to {service}?</h1>\
         <p>An agent called a tool that needs this. Go on only if you want it to. Nothing has been started yet.{more}</p>{}\
         <p>Hotcell keeps the token and uses it for the scopes above. Neither the agent nor the tool sees it. \
         All tools that were granted these scopes can use it.</p>{}",
        facts(of),
        form(of, "Sign in", &keys(of))
    );
    own(&format!("Sign in to {service}"), &body)
}

/// Who looks at a page did not click: the code is behind the button.
fn has_code(of: &Page) -> Response {
    let service = escaped(&of.purpose.service);
    let body = format!(
        "<h1>Signing in to {service}</h1><p>This sign-in has begun, and waits until you enter its code.</p>{}",
        form(of, "Show the code", "")
    );
    own("Hotcell", &body)
}

/// The head and the first piece of the page with a code. Its end comes later.
pub(super) fn code_page(of: &Page, code: &Code) -> (Builder, String) {
    let (address, minutes) = (html(code.address.as_str()), code.good_for.as_secs().div_ceil(60));
    let body = format!(
        "<h1>Signing in to {}</h1>{}<p>Open <a href=\"{address}\" target=\"_blank\" rel=\"noopener noreferrer\">{address}</a> \
         on any device, and enter this code:</p><p><big><strong>{}</strong></big></p><p>It is good for {minutes} minutes. If you \
         did not start this yourself just now, do not enter it. Leave this page open: it says when you are signed in.</p>",
        escaped(&of.purpose.service),
        facts(of),
        escaped(&code.code)
    );
    let head = fields("no-referrer", "'none'")
        .into_iter()
        .fold(Builder::new(), |head, (name, value)| head.header(name, value));
    (head, opening("Hotcell", "", &body))
}

/// What is meant.
fn facts(of: &Page) -> String {
    let purpose = &of.purpose;
    let facts = [
        ("Tool", escaped(&format!("{} {}", purpose.granted.name, purpose.granted.version))),
        ("Action", escaped(&purpose.action)),
        ("Service", escaped(&purpose.service)),
        ("Scopes", list(&purpose.scopes, &purpose.new)),
        ("You sign in at", escaped(&purpose.server)),
    ];
    // First: who opens another's page would give their token to that user.
    let whose = purpose.user.as_ref().map(|user| ("For the user", escaped(user.subject())));
    let facts = whose.into_iter().chain(facts).map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>"));
    format!("<dl>{}</dl>", facts.collect::<String>())
}

fn list(scopes: &BTreeSet<String>, new: &BTreeSet<String>) -> String {
    let one = |scope: &String| match new.contains(scope) {
        true => format!("{} <strong>(new)</strong>", escaped(scope)),
        false => escaped(scope),
    };
    scopes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The choice of where a new store's key is kept. Nothing is chosen in silence: no place is marked beforehand.
fn keys(of: &Page) -> String {
    let places = &of.purpose.keys;
    if places.is_empty() {
        return String::new();
    }
    let mut choice =
        "<fieldset><legend>There is no credential store yet. Tokens are encrypted; where should the key be kept? This \
                      is chosen once.</legend>"
            .to_owned();
    for place in places {
        choice.push_str(&format!(
            "<p><label><input type=\"radio\" name=\"key\" value=\"{}\" required> {}</label></p>",
            html(place.name),
            html(place.words)
        ));
    }
    choice + "</fieldset>"
}

fn form(of: &Page, button: &str, fields: &str) -> String {
    format!(
        "<form method=\"post\"><input type=\"hidden\" name=\"token\" value=\"{}\">{fields}\
         <button type=\"submit\">{button}</button></form>",
        of.token()
    )
}

/// A page with a form. With no-referrer a browser would hide the origin of the form too, and the form could not be told from
/// a foreign one.
fn own(title: &str, body: &str) -> Response {
    page(StatusCode::OK, title, "", "same-origin", "'self'", body)
}

/// Not a redirect: some browsers hold the whole chain of redirects after a form against `form-action`.
fn on(of: &Page, url: &Url) -> Response {
    let (server, url) = (escaped(&of.purpose.server), html(url.as_str()));
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"0;url={url}\">");
    let body = format!("<p>Going on to <a href=\"{url}\" rel=\"noreferrer\">{server}</a>.</p>");
    page(StatusCode::OK, "Hotcell", &refresh, "no-referrer", "'none'", &body)
}

fn page(status: StatusCode, title: &str, head: &str, referrer: &str, forms: &str, body: &str) -> Response {
    let text = opening(title, head, body) + "</html>\n";
    (status, fields(referrer, forms), text).into_response()
}

fn opening(title: &str, head: &str, body: &str) -> String {
    format!("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>{head}{body}\n")
}

fn fields(referrer: &str, forms: &str) -> [(&'static str, String); 8] {
    let policy = format!("default-src 'none'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'");
    [
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("content-security-policy", policy),
        ("referrer-policy", referrer.to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-frame-options", "DENY".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("cross-origin-opener-policy", "same-origin".to_owned()),
        ("cross-origin-resource-policy", "same-origin".to_owned()),
    ]
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

    #[tokio::test]
    async fn what_became_of_it_is_said_with_the_repair_and_with_what_was_not_granted() {
        let page = Pages::default().of(purpose("a")).unwrap().unwrap();
        let declined = ["issues:write<b>".to_owned()].into();
        for (outcome, expected, told) in [
            (Outcome::SignedIn([].into()), 200, "You are signed in to github. This page"),
            (Outcome::SignedIn(declined), 200, "the server did not grant: issues:write&lt;b&gt;. This page"),
            (Outcome::Closed, 410, "This page is over"),
            (
                Outcome::Failed(Refusal::new(hotcell_protocol::Code::NeedsLogin, "<i>no", "again")),
                502,
                "not signed in to github: &lt;i&gt;no. To repair it: again. Nothing was changed.",
            ),
        ] {
            let response = Sheet::Over(&page, outcome).response();
            assert_eq!(response.status().as_u16(), expected);
            let shown = text(response).await;
            assert!(shown.contains(told) && !shown.contains("<form"), "{shown}");
        }
    }

    #[tokio::test]
    async fn l8_a_choice_of_key_has_nothing_chosen_beforehand_and_a_code_is_text() {
        let mut purpose = purpose("a");
        purpose.keys = vec![crate::KeyPlace { name: "a\"b", words: "<b>here" }];
        let page = Pages::default().of(purpose).unwrap().unwrap();
        let shown = text(Sheet::Question(&page).response()).await;
        assert!(shown.contains("value=\"a&quot;b\" required> &lt;b&gt;here"), "{shown}");
        assert!(!shown.contains("checked"), "{shown}");
        let code = Code {
            code: "<script>".into(),
            address: Url::parse("https://a.example/\"><script>").unwrap(),
            good_for: std::time::Duration::from_secs(61),
        };
        let (head, shown) = code_page(&page, &code);
        assert!(
            !shown.contains("<script") && shown.contains("&lt;script&gt;") && shown.contains("2 minutes"),
            "{shown}"
        );
        let policy = head.headers_ref().unwrap()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !shown.contains(page.token()), "{policy}");
    }
}
