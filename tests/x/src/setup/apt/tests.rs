use super::*;

const ONE_LINE: &str = "\
# deb http://commented.example/debian bookworm main
deb-src http://s.example/debian bookworm main
deb [arch=amd64 signed-by=/k] http://a.example/debian bookworm main # ours
deb\thttp://b.example/debian-security bookworm-security main contrib
deb https://vendor.example/apt stable main
";

const DEB822: &str = "\
Types: deb deb-src
# http://commented.example/debian
URIs: http://a.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

types: deb
uris:
 http://b.example/debian-security
Suites: bookworm-security
Components: main
 contrib

Types: deb
URIs: https://vendor.example/node
Suites: nodistro
Components: main
";

fn choose(text: &str, format: Format) -> Option<Mirrors> {
    Mirrors::choose(&sources(text, format), "bookworm")
}

fn mirrors(main: &str, security: Option<&str>) -> Option<Mirrors> {
    Some(Mirrors { main: main.to_owned(), security: security.map(str::to_owned) })
}

#[test]
fn both_formats_of_apts_files_are_read() {
    let expected = mirrors("http://a.example/debian", Some("http://b.example/debian-security"));
    assert_eq!(choose(ONE_LINE, Format::OneLine), expected);
    assert_eq!(choose(DEB822, Format::Deb822), expected);
}

#[test]
fn a_disabled_or_commented_source_is_none() {
    let all = [sources(ONE_LINE, Format::OneLine), sources(DEB822, Format::Deb822)].concat();
    for away in ["commented.example", "off.example", "s.example"] {
        assert!(!all.iter().any(|source| source.uri.contains(away)), "{away}");
    }
    assert_eq!(choose("# nothing\n\n", Format::Deb822), None);
    assert_eq!(sources("deb [broken http://a.example/debian bookworm main\ndebris\ndeb \n", Format::OneLine), []);
}

#[test]
fn a_vendors_archive_with_the_same_suite_is_not_taken_for_debians_own() {
    let text = "deb https://packages.vendor.example/debian/12/prod bookworm main\n\
                deb https://download.other.example/linux/debian bookworm stable\n\
                deb http://a.example/debian bookworm main\n";
    assert_eq!(
        choose(text, Format::OneLine),
        mirrors("http://a.example/debian", Some("http://a.example/debian-security"))
    );
}

#[test]
fn a_company_mirror_at_any_address_is_used_and_no_address_is_guessed_beside_it() {
    let text = "deb https://mirror.example/repository/apt-proxy bookworm main\n";
    assert_eq!(choose(text, Format::OneLine), mirrors("https://mirror.example/repository/apt-proxy", None));
    let list = "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main\n\
                deb mirror+file:/etc/apt/mirrors/debian-security.list bookworm-security main\n";
    let expected =
        mirrors("mirror+file:/etc/apt/mirrors/debian.list", Some("mirror+file:/etc/apt/mirrors/debian-security.list"));
    assert_eq!(choose(list, Format::OneLine), expected);
}

#[test]
fn own_sources_name_three_suites_and_no_suite_twice() {
    let mirrors = choose(ONE_LINE, Format::OneLine).unwrap();
    assert_eq!(
        mirrors.lines("bookworm", "trixie", Some("/k.gpg")),
        "deb [signed-by=/k.gpg] http://a.example/debian bookworm main\n\
         deb [signed-by=/k.gpg] http://b.example/debian-security bookworm-security main\n\
         deb [signed-by=/k.gpg] http://a.example/debian trixie main\n"
    );
    assert_eq!(mirrors.lines("trixie", "trixie", None).matches("trixie main").count(), 1);
}

#[test]
fn settings_keep_apt_in_its_own_folder() {
    let text = settings(Path::new("/c/apt"));
    for setting in ["Dir::Cache", "Dir::State::Lists", "Dir::Etc::SourceList"] {
        assert!(text.contains(&format!("{setting} \"/c/apt/")), "{setting}");
    }
    assert!(text.contains("#clear APT::Update::Post-Invoke;"));
}

#[test]
fn the_newest_version_of_the_right_suite_is_taken() {
    let madison = " rustc-web | 1.96.0-1~deb13u1 | http://a.example/debian trixie/main amd64 Packages\n \
                   rustc-web | 1.96.0-1~deb12u2 | http://a.example/debian-security bookworm-security/main amd64 Packages\n \
                   rustc-web | 1.85.0-1 | http://a.example/debian bookworm/main amd64 Packages\n";
    assert_eq!(newest(madison, "rustc-web", "bookworm").as_deref(), Some("1.96.0-1~deb12u2"));
    assert_eq!(newest(madison, "rustc-web", "trixie").as_deref(), Some("1.96.0-1~deb13u1"));
    assert_eq!(newest(madison, "rustc-web", "book"), None);
    assert_eq!(newest(madison, "rustc", "bookworm"), None);
    assert_eq!(newest("N: Unable to locate package\n", "rustc-web", "bookworm"), None);
    assert!(lists(madison, "rustc-web", "1.85.0-1") && !lists(madison, "rust-web-src", "1.85.0-1"));
    assert_eq!(release("1.96.0+dfsg1-1~deb12u2").as_deref(), Some("1.96"));
    assert_eq!(release("1"), None);
}

#[test]
fn the_llvm_library_is_found_among_the_dependencies() {
    let show = "Package: libstd-rust-web-1.96\nDepends: libc6 (>= 2.34), libllvm22 (>= 1:22), libstdc++6 (>= 11)\n";
    assert_eq!(llvm(show).as_deref(), Some("libllvm22"));
    assert_eq!(llvm("Package: x\n"), None);
}

#[test]
fn only_debian_itself_has_a_debian_suite() {
    let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
    let other = "PRETTY_NAME=\"Ubuntu 24.04\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n";
    assert_eq!(debian_suite(debian).as_deref(), Some("bookworm"));
    assert_eq!(debian_suite(other), None);
    assert_eq!(system_name(other), "Ubuntu 24.04");
}
