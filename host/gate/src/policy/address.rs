//! Which addresses are public. By the IANA special-purpose registries (RFC 6890 and its updates) and what was assigned
//! since; an IPv4 address inside an IPv6 address counts as what it is (threat C3). Unknown means no.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// IPv4 blocks that are not public: first address and prefix length, with the reason that a refusal gives.
const V4: [(Ipv4Addr, u32, &str); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local, cloud metadata"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "AMT"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
];

/// Why an address may not be connected to; `None` for a public one.
pub(crate) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    // Multicast, reserved and broadcast: 224.0.0.0 to the end.
    if address.octets()[0] >= 224 {
        return Some("multicast or reserved");
    }
    let bits = address.to_bits();
    let inside = |first: Ipv4Addr, length: u32| bits >> (32 - length) == first.to_bits() >> (32 - length);
    V4.iter().find(|(first, length, _)| inside(*first, *length)).map(|(_, _, why)| *why)
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let [a, b, c, d, e, f, g, h] = segments;
    let embedded = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        Ipv4Addr::new(a, b, c, d)
    };
    // Addresses that carry an IPv4 address: judged by it, and never public by themselves where the form is special.
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => return Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => return Some("loopback"),
        [0, 0, 0, 0, 0, 0xffff, ..] => return forbidden_v4(embedded(g, h)).or(Some("IPv4-mapped")),
        [0, 0, 0, 0, 0, 0, ..] => return Some("IPv4-compatible"),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => return forbidden_v4(embedded(g, h)),
        [0x64, 0xff9b, 1, ..] => return Some("local NAT64"),
        [0x2002, ..] => return Some("6to4"),
        [0x2001, 0, ..] => return Some("Teredo"),
        _ => {}
    }
    // ISATAP (RFC 5214 §6.1) in whatever prefix.
    if matches!((e, f), (0 | 0x200, 0x5efe)) {
        return forbidden_v4(embedded(g, h)).or(Some("ISATAP"));
    }
    match (a, b, c, d) {
        // Only 2000::/3 is assigned as global unicast (RFC 4291 §2.4); everything else is special or unknown.
        (0x2001, 0x1..=0x1ff, ..) => Some("protocol assignments"),
        (0x2001, 0xdb8, ..) => Some("documentation"),
        (0x3fff, 0..=0xfff, ..) => Some("documentation"),
        (0x2620, 0x4f, 0x8000, _) => Some("AS112"),
        (0x2000..=0x3fff, ..) => None,
        (0xfc00..=0xfdff, ..) => Some("unique local"),
        (0xfe80..=0xfebf, ..) => Some("link-local"),
        (0xff00..=0xffff, ..) => Some("multicast"),
        _ => Some("not global unicast"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each block with its edges: the last address before it, its first and last, the first after it.
    const FORBIDDEN: &str = "
        0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.0 127.0.0.1 127.255.255.255
        169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.0 192.0.2.255
        192.31.196.0 192.31.196.255 192.52.193.0 192.52.193.255 192.88.99.0 192.88.99.255 192.168.0.0 192.168.255.255
        192.175.48.0 192.175.48.255 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255
        224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255
        :: ::1 ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8
        64:ff9b::127.0.0.1 64:ff9b::10.1.2.3 64:ff9b::169.254.169.254 64:ff9b:1:: 64:ff9b:1::8.8.8.8
        2002:7f00:1:: 2002:a00:1:: 2002:808:808:: 2001::1 2001:0:ffff::1 2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff::1
        2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 3fff:: 3fff:fff:: 2620:4f:8000::1
        2607:f8b0::5efe:10.0.0.1 2607:f8b0::200:5efe:127.0.0.1 2607:f8b0::5efe:8.8.8.8
        fc00:: fd00:ec2::254 fdff:ffff::1 fe80:: fe80::1 febf:ffff::1 fec0::1 feff::1 ff00:: ff02::1 ffff::1
        100:: 100::1 1fff::1 4000::1 5f00::1 8000::1 e000::1";

    const PUBLIC: &str = "
        1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
        169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.1.255 192.0.3.0
        192.31.195.255 192.31.197.0 192.52.192.255 192.52.194.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
        192.175.47.255 192.175.49.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
        2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2606:4700::1111 2620:4f:7fff::1 3ffe::1 3fff:1000::1
        64:ff9b::8.8.8.8";

    #[test]
    fn c3_special_addresses_are_forbidden_to_the_edge() {
        let rows: Vec<_> = FORBIDDEN.split_whitespace().collect();
        assert!(rows.len() >= 60, "{}", rows.len());
        for row in rows {
            assert!(forbidden(row.parse().unwrap()).is_some(), "{row} is not public");
        }
    }

    #[test]
    fn public_addresses_next_to_the_edges_are_allowed() {
        for row in PUBLIC.split_whitespace() {
            assert_eq!(forbidden(row.parse().unwrap()), None, "{row} is public");
        }
    }

    #[test]
    fn c3_every_special_v4_address_is_forbidden_in_every_embedding() {
        for row in FORBIDDEN.split_whitespace() {
            let Ok(v4) = row.parse::<Ipv4Addr>() else { continue };
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for embedded in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0),
                Ipv6Addr::new(0x2607, 0xf8b0, 0, 0, 0, 0x5efe, high, low),
            ] {
                assert!(forbidden(IpAddr::V6(embedded)).is_some(), "{v4} in {embedded}");
            }
        }
    }
}
