//! Unit tests of the provider's description.

use super::fake::provider_of;
use super::provider::ClientAuthentication;
use super::provider::Dialect;
use super::provider::Flow;
use super::provider::OfService;
use super::provider::Provider;

fn mistake(text: &str) -> String {
    toml::from_str::<Provider>(text).unwrap_err().message().to_owned()
}

#[test]
fn mistakes_name_the_value_and_the_repair() {
    for (text, expected) in [
        ("token_endpoint = \"http://auth.example.com/token\"", "use https"),
        ("token_endpoint = \"http://localhost:1/token\"", "use https"),
        ("token_endpoint = \"https://10.0.0.1/token\"", "only names"),
        ("issuer = \"https://auth.example.com/#a\"", "fragment"),
        ("client_id = \"a b\"", "client id"),
        ("client_id = \"\"", "client id"),
        ("resource = \"api\"", "RFC 8707"),
        ("resource = \"https://a.example/#b\"", "RFC 8707"),
        ("always_scopes = [\"a b\"]", "RFC 6749"),
        ("[scopes]\nread = [\"a\\\"b\"]", "RFC 6749"),
        ("grants = [\"implicit\"]", "unknown variant"),
        ("client_authentication = \"jwt\"", "unknown variant"),
        ("dialect = \"oauth1\"", "unknown variant"),
        ("[authorization_parameters]\nstate = \"x\"", "set by the flow"),
        ("[authorization_parameters]\ncode_challenge_method = \"plain\"", "set by the flow"),
        ("[authorization_parameters]\nredirect_uri = \"https://evil.example\"", "set by the flow"),
        ("[authorization_parameters]\n\"a b\" = \"x\"", "cannot be a parameter"),
        ("token_endpont = \"x\"", "unknown field"),
    ] {
        let message = mistake(text);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn g9_a_client_secret_in_the_file_is_refused_and_not_quoted() {
    let message = mistake("client_secret = \"s3cr3t\"");
    assert!(message.contains("hotcell auth signin") && !message.contains("s3cr3t"), "{message}");
}

#[test]
fn an_operators_word_beats_a_presets_and_scopes_are_put_together() {
    let preset: Provider = toml::from_str(
        "issuer = \"https://a.example\"\nclient_id = \"preset\"\ngrants = [\"device\"]\n[scopes]\nr = [\"a\"]\nw = [\"b\"]",
    )
    .unwrap();
    let own: Provider =
        toml::from_str("client_id = \"own\"\nclient_authentication = \"post\"\n[scopes]\nw = [\"c\"]").unwrap();
    let both = own.over(preset);
    assert_eq!((both.client(), both.issuer()), (Some("own"), Some("https://a.example")));
    assert_eq!(both.client_authentication(), ClientAuthentication::Post);
    assert_eq!(both.flows(), [Flow::Device]);
    assert_eq!((both.server_scopes("r"), both.server_scopes("w")), (vec!["a"], vec!["c"]));
}

#[test]
fn what_one_field_says_of_another_is_checked() {
    let of = |text: &str| toml::from_str::<Provider>(text).unwrap().of_service(OfService::default()).unwrap_err();
    assert!(of("[scopes]\nread = [\"a\"]").contains("no scope of the service"));
    assert!(of("dialect = \"supabase\"\ngrants = [\"authorization-code\"]").contains("dialect = \"oauth\""));
}

#[test]
fn supabase_lives_below_its_project() {
    let provider = provider_of("dialect = \"supabase\"", &[]);
    assert_eq!(provider.dialect(), Dialect::Supabase);
    assert_eq!(provider.issuer(), Some("https://abc.supabase.co/auth/v1"));
    assert_eq!(provider.flows(), [Flow::Password]);
    assert!(provider.missing().is_empty());
    let bare = Provider::default();
    assert_eq!(bare.missing().iter().map(|missing| missing.field).collect::<Vec<_>>(), ["client_id", "token_endpoint"]);
    let bare: Provider = toml::from_str("dialect = \"supabase\"").unwrap();
    let bare = bare.of_service(OfService::default()).unwrap();
    assert_eq!(bare.missing().iter().map(|missing| missing.field).collect::<Vec<_>>(), ["issuer", "send"]);
}
