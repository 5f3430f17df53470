//! The address classifier against the standard library's, and against itself for IPv4 inside IPv6 (threat C3).

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use super::outcome;
use crate::policy::address::forbidden;

/// Sixteen bytes of an IPv6 address; the first four are an IPv4 address.
pub fn addresses(data: &[u8]) -> u64 {
    let Some(bytes) = data.first_chunk::<16>() else { return 0 };
    let v6 = Ipv6Addr::from(*bytes);
    let v4 = Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
    let (is_v4, is_v6) = (forbidden(IpAddr::V4(v4)), forbidden(IpAddr::V6(v6)));
    let special_v4 = v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_unspecified()
        || v4.is_multicast();
    assert!(!special_v4 || is_v4.is_some(), "{v4} is public");
    let special_v6 = v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
        || v6.to_ipv4_mapped().is_some();
    assert!(!special_v6 || is_v6.is_some(), "{v6} is public");
    if is_v6.is_none() {
        let nat64 = v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
        assert!(nat64 || bytes[0] >> 5 == 1, "{v6} is not global unicast (RFC 4291 §2.4)");
    }
    for embedded in embeddings(v4) {
        assert!(is_v4.is_none() || forbidden(IpAddr::V6(embedded)).is_some(), "{v4} is public in {embedded}");
    }
    outcome((is_v4, is_v6))
}

/// All forms in which an IPv6 address carries an IPv4 address and reaches it.
pub(super) fn embeddings(v4: Ipv4Addr) -> [Ipv6Addr; 7] {
    let [a, b, c, d] = v4.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    [
        v4.to_ipv6_mapped(),
        v4.to_ipv6_compatible(),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2607, 0xf8b0, 0, 0, 0, 0x5efe, high, low),
        Ipv6Addr::new(0x2607, 0xf8b0, 0, 0, 0x200, 0x5efe, high, low),
    ]
}
