//! Who is not let in: forged, foreign, old and odd tokens, each with its answer; keys that come, go and cannot be had.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::issuer::Signer;
use crate::issuer::now;
use crate::issuer::unsigned;
use crate::*;

const EVERY: Duration = Duration::from_millis(5_100);

fn with(mut value: Value, field: &str, other: Value) -> Value {
    match other {
        Value::Null => drop(value.as_object_mut().unwrap().remove(field)),
        other => value[field] = other,
    }
    value
}

fn hmac_signed(header: &Value, claims: &Value, key: &[u8]) -> String {
    let message = unsigned(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// The status and the challenge that a token gets.
fn shown(server: &Serving<'_>, token: &str) -> (u16, String) {
    let got = server.ask_as(token, "tools/list", json!({}), &json!({}));
    assert!(got.status == 200 || !got.body.contains("hostile"), "{got:?}");
    (got.status, got.header("www-authenticate").unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_each_token_that_is_not_the_issuers_for_this_server_now_is_refused() {
    let scene = Scene::new().await;
    scene.sign_in_both();
    // A key of another kind beside the first; one that is public and not for signatures; a shared one, which is no key at all.
    let (second, stranger) = (Signer::ed("second"), Signer::ec("first"));
    let encrypts = Signer::ec("encrypts");
    let shared = json!({"kty": "oct", "kid": "shared", "k": URL_SAFE_NO_PAD.encode([7; 32])});
    let not_signing = with(encrypts.jwk(), "use", json!("enc"));
    scene.issuer.keys.lock().unwrap().extend([second.jwk(), not_signing, shared]);
    let server = scene.serve();
    let key = &scene.issuer.key;
    let (header, claims) = (key.header(), scene.claims("alice"));
    let of = |field: &str, other: Value| key.sign(&header, &with(claims.clone(), field, other));
    let by = |field: &str, other: Value| key.sign(&with(header.clone(), field, other), &claims);
    let now = now();

    // What is right gets in, in each way that is right.
    for good in [
        key.sign(&header, &claims),
        second.sign(&second.header(), &claims),
        by("typ", json!("JWT")),
        by("typ", json!("application/AT+JWT")),
        of("aud", json!(["https://other.example", scene.audience()])),
        of("nbf", json!(now + 10)),
        of("iat", json!(now + 10)),
        of("exp", json!(9_999_999_999_u64)),
        of("sub", json!("用户 7|x")),
        // Addresses in the header are a stranger's word: they are not looked at.
        by("jku", json!(format!("{}/evil", scene.upstream.origin()))),
        by("x5u", json!(format!("{}/evil", scene.upstream.origin()))),
        by("jwk", stranger.jwk()),
    ] {
        assert_eq!(shown(&server, &good).0, 200, "{good}");
    }
    let good = key.sign(&header, &claims);
    // Of those that get in and of those that do not, one each is looked for everywhere.
    let expired = of("exp", json!(now - 1));
    [&good, &expired].into_iter().for_each(|token| scene.cell.watch(token));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other_claims = unsigned(&header, &scene.claims("bob"));
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let hs = |kid: &str| json!({"alg": "HS256", "typ": "at+jwt", "kid": kid});
    let none = |alg: &str| format!("{}.", unsigned(&with(header.clone(), "alg", json!(alg)), &claims));
    let cases = [
        ("another issuer", of("iss", json!("https://other.example")), "another issuer"),
        ("the issuer with a slash", of("iss", json!(format!("{}/", scene.issuer.address()))), "another issuer"),
        ("a list of issuers", of("iss", json!([scene.issuer.address()])), "another issuer"),
        ("no issuer", of("iss", Value::Null), "lacks aud, exp or iss"),
        ("another audience", of("aud", json!("https://other.example/mcp")), "another audience"),
        ("the audience with a slash", of("aud", json!(format!("{}/", scene.audience()))), "another audience"),
        ("a client as the audience", of("aud", json!("agent")), "another audience"),
        ("no audience", of("aud", Value::Null), "lacks aud, exp or iss"),
        ("nobody as the audience", of("aud", json!([])), "another audience"),
        ("expired", expired, "expired"),
        ("expired long ago", of("exp", json!(0)), ""),
        ("an end before the beginning", of("exp", json!(-1)), ""),
        ("an end that is no number", of("exp", json!("9999999999")), ""),
        ("no end", of("exp", Value::Null), "lacks aud, exp or iss"),
        ("not yet valid", of("nbf", json!(now + 120)), "not good yet"),
        ("a beginning that is no number", of("nbf", json!("soon")), ""),
        ("issued in the future", of("iat", json!(now + 120)), "issued in the future"),
        ("issued at no time", of("iat", json!("soon")), "issued in the future"),
        ("no user", of("sub", Value::Null), "name its user"),
        ("an empty user", of("sub", json!("")), "name its user"),
        ("a user that is a number", of("sub", json!(7)), "name its user"),
        ("an invisible user", of("sub", json!("alice\u{200b}")), "name its user"),
        ("a user with a line end", of("sub", json!("alice\n")), "name its user"),
        ("a client's own", of("client_id", json!("alice")), "client's own"),
        (
            "a client's own, the other way",
            key.sign(&header, &with(with(claims.clone(), "client_id", Value::Null), "azp", json!("alice"))),
            "client's own",
        ),
        ("bound to a key", of("cnf", json!({"jkt": "x"})), "bound to a key"),
        ("alg none", none("none"), "no JWT with a known algorithm"),
        ("alg None", none("None"), "no JWT with a known algorithm"),
        ("alg ES256 and no signature", format!("{message}."), "signature is wrong"),
        ("HS256 with the public key", hmac_signed(&hs("first"), &claims, &key.public()), "algorithm is none of"),
        (
            "HS256 with the key's JSON",
            hmac_signed(&hs("first"), &claims, key.jwk().to_string().as_bytes()),
            "algorithm is none of",
        ),
        ("HS256 with the shared key", hmac_signed(&hs("shared"), &claims, &[7; 32]), "algorithm is none of"),
        (
            "ES256 named for a key of EdDSA",
            key.sign(&with(header.clone(), "kid", json!("second")), &claims),
            "key that its issuer",
        ),
        (
            "EdDSA named for a key of ES256",
            second.sign(&with(second.header(), "kid", json!("first")), &claims),
            "key that its issuer",
        ),
        ("RS256 named for a key of ES256", by("alg", json!("RS256")), "key that its issuer"),
        ("ES384", by("alg", json!("ES384")), "algorithm is none of"),
        ("a key that is not for signatures", encrypts.sign(&encrypts.header(), &claims), "key that its issuer"),
        ("a stranger's key under a known name", stranger.sign(&stranger.header(), &claims), "signature is wrong"),
        (
            "a stranger's key in the header",
            stranger.sign(&with(stranger.header(), "jwk", stranger.jwk()), &claims),
            "signature is wrong",
        ),
        (
            "a stranger's key at an address",
            stranger.sign(&with(stranger.header(), "jku", json!(scene.upstream.origin())), &claims),
            "signature is wrong",
        ),
        ("an unknown key", by("kid", json!("unknown")), "key that its issuer"),
        ("a path as the key", by("kid", json!("../../../../etc/passwd")), "key that its issuer"),
        ("an address as the key", by("kid", json!(format!("{}/evil", scene.upstream.origin()))), "key that its issuer"),
        ("SQL as the key", by("kid", json!("' OR '1'='1")), "key that its issuer"),
        ("no key", by("kid", Value::Null), "name its key"),
        ("an empty key", by("kid", json!("")), "name its key"),
        ("a long key", by("kid", json!("k".repeat(300))), "name its key"),
        ("a key that is a number", by("kid", json!(1)), "no JWT with a known algorithm"),
        ("crit", by("crit", json!(["exp"])), "demands what is not offered"),
        ("an empty crit", by("crit", json!([])), "demands what is not offered"),
        ("b64", by("b64", json!(false)), "demands what is not offered"),
        ("encrypted", by("enc", json!("A128GCM")), "demands what is not offered"),
        ("compressed", by("zip", json!("DEF")), "demands what is not offered"),
        ("an ID token's type", by("typ", json!("id+jwt")), "neither at+jwt nor JWT"),
        ("a logout token's type", by("typ", json!("logout+jwt")), "neither at+jwt nor JWT"),
        ("no type", by("typ", Value::Null), "neither at+jwt nor JWT"),
        ("another's signature", format!("{other_claims}.{signature}"), "signature is wrong"),
        ("a changed signature", format!("{message}.{flipped}{}", &signature[1..]), "signature is wrong"),
        ("a signature with padding", format!("{message}.{signature}="), ""),
        ("four parts", format!("{good}.x"), "no JWT"),
        ("two parts", message.to_owned(), "no JWT"),
        ("no JWT", "hcs_0123456789abcdef0123456789abcdef".to_owned(), "no JWT"),
        ("claims that are no object", key.sign(&header, &json!([1])), "no JWT as it should be"),
        ("oversize", of("pad", json!("x".repeat(9_000))), "too long"),
        ("deep", of("deep", serde_json::from_str(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).unwrap()), "OK"),
    ];
    for (name, token, words) in cases {
        let (status, challenge) = shown(&server, &token);
        if words == "OK" {
            assert_eq!(status, 200, "{name}");
            continue;
        }
        assert_eq!(status, 401, "{name}: {challenge}");
        assert!(
            challenge.starts_with("Bearer error=\"invalid_token\", error_description=\"the token")
                || challenge.contains("this is no JWT"),
            "{name}: {challenge}"
        );
        assert!(challenge.contains(words) && challenge.contains("resource_metadata="), "{name}: {challenge}");
    }
    assert!(scene.upstream.seen().is_empty(), "a header led somewhere");
    assert_eq!(shown(&server, &good).0, 200, "after all that");
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_a_token_is_shown_once_in_its_header_and_nowhere_else() {
    let scene = Scene::new().await;
    let server = scene.serve();
    // Some of what follows says them where they have no place, so that they are not looked for.
    let [alice, bob] =
        ["alice", "bob"].map(|user| scene.issuer.key.sign(&scene.issuer.key.header(), &scene.claims(user)));
    let host = format!("Host: 127.0.0.1:{}", server.port);
    let body = message(1, "initialize", &Revision::June2025.initialize(&json!({}))).to_string();
    let to = |first: &str, fields: &[String]| {
        let mut lines =
            vec![first, &host, "Content-Type: application/json", "Accept: application/json, text/event-stream"];
        lines.extend(fields.iter().map(String::as_str));
        server.send(&lines, &body)
    };
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let post = "POST /mcp HTTP/1.1";
    assert_eq!(to(post, &[bearer(&alice)]).status, 200);
    assert_eq!(to(post, &[format!("authorization: bEaReR {alice}")]).status, 200);
    for (first, fields, status) in [
        (post.to_owned(), vec![], 401),
        (post.to_owned(), vec![bearer(&alice), bearer(&bob)], 400),
        (post.to_owned(), vec![bearer(&alice), bearer(&alice)], 400),
        (post.to_owned(), vec![bearer(&format!("{alice}, Bearer {bob}"))], 401),
        (post.to_owned(), vec![bearer("")], 400),
        (post.to_owned(), vec!["Authorization: Bearer".to_owned()], 400),
        (post.to_owned(), vec![format!("Authorization: Basic {alice}")], 401),
        (post.to_owned(), vec![format!("Authorization: DPoP {alice}")], 401),
        (post.to_owned(), vec![format!("Authorization: Bearer  {alice}")], 401),
        (post.to_owned(), vec![format!("X-Authorization: Bearer {alice}")], 401),
        (post.to_owned(), vec![format!("Cookie: access_token={alice}")], 401),
        (format!("POST /mcp?access_token={alice} HTTP/1.1"), vec![], 401),
        ("GET /mcp HTTP/1.1".to_owned(), vec![], 401),
        ("DELETE /mcp HTTP/1.1".to_owned(), vec![], 401),
    ] {
        let got = to(&first, &fields);
        assert_eq!(got.status, status, "{fields:?}: {got:?}");
        let error = got.header("www-authenticate").unwrap();
        assert_eq!(error.contains("invalid_request"), status == 400, "{error}");
        assert!(got.header("mcp-session-id").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_keys_rotate_without_a_restart_and_a_key_that_was_taken_out_opens_nothing() {
    let scene = Scene::new().await;
    let server = scene.serve();
    let old = scene.token("alice");
    assert_eq!(shown(&server, &old).0, 200);
    let next = Signer::ed("next");
    let new = next.sign(&next.header(), &scene.claims("alice"));
    scene.cell.watch(&new);
    *scene.issuer.keys.lock().unwrap() = vec![next.jwk()];
    tokio::time::sleep(EVERY).await;
    assert_eq!(shown(&server, &new).0, 200);
    assert_eq!(shown(&server, &old).0, 401, "a revoked key");
    // The same name for another key: the token of before is not that key's.
    tokio::time::sleep(EVERY).await;
    let third = Signer::ed("third");
    *scene.issuer.keys.lock().unwrap() = vec![third.jwk(), Signer::ed("next").jwk()];
    assert_eq!(shown(&server, &third.sign(&third.header(), &scene.claims("alice"))).0, 200);
    assert_eq!(shown(&server, &new).0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn n5_an_issuer_that_is_down_is_said_so_and_strangers_cannot_make_it_be_asked_without_end() {
    let scene = Scene::new().await;
    scene.issuer.is_down.store(true, Ordering::SeqCst);
    let server = scene.serve();
    let alice = scene.token("alice");
    let got = server.ask_as(&alice, "tools/list", json!({}), &json!({}));
    assert_eq!((got.status, got.header("retry-after")), (503, Some("10")), "{got:?}");
    assert!(got.header("www-authenticate").is_none(), "a client would sign in anew, which helps nobody");
    assert_eq!(server.send(&["GET /healthz HTTP/1.1", &format!("Host: 127.0.0.1:{}", server.port)], "").status, 200);

    scene.issuer.is_down.store(false, Ordering::SeqCst);
    tokio::time::sleep(EVERY).await;
    assert_eq!(shown(&server, &alice).0, 200, "it does not come back by itself");
    let before = (scene.issuer.fetched(), std::time::Instant::now());
    std::thread::scope(|scope| {
        for flooder in 0..8 {
            let (scene, server) = (&scene, &server);
            scope.spawn(move || {
                for number in 0..100 {
                    let header = with(scene.issuer.key.header(), "kid", json!(format!("{flooder}-{number}")));
                    let token = scene.issuer.key.sign(&header, &scene.claims("alice"));
                    assert_eq!(shown(server, &token).0, 401);
                }
            });
        }
    });
    let (asked, took) = (scene.issuer.fetched() - before.0, before.1.elapsed());
    let most = 1 + took.as_secs() as usize / 5;
    assert!(asked <= most, "800 unknown keys in {took:?}: {asked} requests");
    // Keys that are there are used on while the issuer is down.
    scene.issuer.is_down.store(true, Ordering::SeqCst);
    tokio::time::sleep(EVERY).await;
    let unknown =
        scene.issuer.key.sign(&with(scene.issuer.key.header(), "kid", json!("unknown")), &scene.claims("alice"));
    assert_eq!(shown(&server, &unknown).0, 401);
    assert_eq!(shown(&server, &alice).0, 200);
}
