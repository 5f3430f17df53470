//! The targets as ordinary tests: what was kept is replayed, and a few thousand inputs more. `cargo x fuzz` runs them for longer.

use hotcell_fuzz::Target;

const URL_WORDS: [&[u8]; 32] = [
    b"/q/1",
    b"state=",
    b"page=",
    b"action=list",
    b"&",
    b"%26",
    b"..",
    b"%2e",
    b"%2E%2e",
    b"%2f",
    b"%5c",
    b"\\",
    b"//",
    b";",
    b"@",
    b"#",
    b"?",
    b"%00",
    b"%25",
    b":443",
    b":8443",
    b":0",
    b"https://",
    b"http://",
    b"api.example.com",
    b"127.0.0.1",
    b"[::1]",
    b"other.example.com",
    b"/account/",
    b"/repos/a/b/issues",
    b"/v1/",
    b"xn--",
];

#[test]
fn fuzz_policy() {
    let target = Target {
        name: "policy",
        seeds: &[
            b"\x01\x3fhttps://api.example.com/repos/a/b/issues?x=1",
            b"\x01\x01https://api.example.com/public/a",
            b"\x04\x3fhttps://api.example.com/repos/a/b/issues",
            b"\x01\x3fhttps://api.example.com:8443/v1/a/b",
            b"\x01\x3fhttp://127.0.0.1:8080/v1/a",
            b"\x01\x3fhttps://open.example.org/data/1",
            b"\x05\x3fhttps://api.example.com/t/a",
            b"\x01\x3fhttps://open.example.org/files/a/b%20c",
            b"\x00\x3fhttps://other.example.com/account/x",
            b"\x01\x3fhttps://api.example.com/account/keys",
            b"\x01\x3fhttps://api.example.com/v1/..%2faccount",
            b"\x01\x3fhttps://user@api.example.com/v1/a",
            b"\x01\x3fhttps://API.example.com/v1/a",
            b"\x01\x3fhttp://[::1]/",
            b"\x00\x3fhttps://api.example.com/q/1?state=open&action=list",
            b"\x00\x3fhttps://api.example.com/q/1?state=open&page=2",
            b"\x00\x3fhttps://api.example.com/none?",
            b"\x00\x3fhttps://open.example.org/files/a?page=1",
        ],
        words: &URL_WORDS,
    };
    target.drive(super::policy);
}

#[test]
fn fuzz_headers() {
    let target = Target {
        name: "headers",
        seeds: &[
            b"accept: text/plain\ncontent-type: a/b\nx-trace: 1",
            b"Authorization: Bearer x",
            b"accept: a\xffAuthorization: b",
            b"if-match: \"x\"",
        ],
        words: &[
            b"\n",
            b"\r\n",
            b"\xff",
            b": ",
            b"authorization",
            b"accept",
            b"prefer",
            b"x-trace",
            b"host",
            b"\0",
            b"\t",
            b" ",
            b"proxy-",
            b"sec-",
            b"idempotency-key",
        ],
    };
    target.drive(super::headers);
}

#[test]
fn fuzz_bodies() {
    let target = Target {
        name: "bodies",
        seeds: &[
            b"\x00\x00\x00\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
            b"\x01\x00\x00\x78\x01\x03\x00\x00\x00\x00\x01",
            b"\x02\x00\x00{\"number\": 12, \"number\": 12}",
            b"\x03\x00\x00{\"number\": 12, \"number\": 12}",
            b"\x04\x80\x01one member and another",
            b"\x06\x00\x00aaaaaaaaaaaaaaaa",
        ],
        words: &[
            b"\x1f\x8b\x08",
            b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xffname\x00",
            b"\x28\xb5\x2f\xfd",
            b"\x78\x9c",
            b"\x03\x00",
            b"\x00\x00\x00\x00",
            b"\xff\xff",
            b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ],
    };
    target.drive(super::bodies);
}

#[test]
fn fuzz_addresses() {
    let target = Target {
        name: "addresses",
        seeds: &[
            &[127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1],
            &[0x20, 1, 0x48, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x88],
            &[0; 16],
        ],
        words: &[
            &[0xa9, 0xfe, 0xa9, 0xfe],
            &[0x20, 0x02],
            &[0, 0x64, 0xff, 0x9b],
            &[0xfe, 0x80],
            &[0xfc],
            &[0x20, 1, 0, 0],
            &[10],
            &[192, 168],
            &[0x5e, 0xfe],
            &[100, 64],
            &[0, 0, 0, 0, 0, 0, 0, 0],
        ],
    };
    target.drive(super::addresses);
}

#[test]
fn fuzz_scan() {
    let target = Target {
        name: "scan",
        seeds: &[
            b"\x00\x80\x05some text around it",
            b"\x09\x80\x01{\"json\": \"value\", \"n\": 12}",
            b"\x8b\xff\x00",
            b"\x82\x10\x07ghp_16C7e42F292c6912",
        ],
        words: &[
            b"ghp_16C7e42F292c6912E7710c838347Ae178B4",
            b"eyJhbGciOiJIUzI1NiJ9",
            b"\r\n",
            b"%",
            b"\\u00",
            b"=",
            b"0123456789abcdef",
            b"\0",
            b"6768705f",
        ],
    };
    target.drive(super::scan);
}

#[test]
fn fuzz_ops() {
    let target = Target {
        name: "ops",
        seeds: &[
            b"\x3f\x00\x01\x03\xff\x01\x01\x03\x00\x06\x01\x03\x02",
            b"\x3f\x00\x01\x00\xff\x00\x01\x00\xff\x00\x01\x00\xff\x00\x01\x03\xff",
            b"\x02\x00\x01\x03\x00\x00\x01\x03\x01\x00\x01\x03\x02\x00\x01\x03\xff",
            b"\x3f\x0f\x01\x03\xff",
        ],
        words: &[
            b"\x00\x01\x03\xff",
            b"\x06\x01\x03\x00",
            b"\x07\x01\x03\xff",
            b"\x00\x01\x00\xff",
            b"\x0a\x01\x03\x00",
            b"\x00\x0d\x03\xff",
        ],
    };
    target.drive(super::ops);
}
