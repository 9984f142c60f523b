//! Which addresses a stranger may make this node connect to: global unicast, and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What keeps an address from being called: the name of the range it is in. `None` for a global address.
///
/// The ranges are those that the IANA special-purpose registries (RFC 6890 and its updates) do not mark as globally reachable.
/// Every range of IPv6 in which an IPv4 address is embedded is refused whole: who can be reached by IPv4 can be named by it.
#[must_use]
pub fn not_global(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => V4.iter().find(|range| range.holds(address)).map(|range| range.name),
        IpAddr::V6(address) => {
            let special = V6.iter().find(|range| range.holds(address)).map(|range| range.name);
            // RFC 4291, 2.4: what is given out as global unicast today begins with the bits 001.
            special.or_else(|| (address.segments()[0] >> 13 != 0b001).then_some("reserved"))
        }
    }
}

struct V4Range {
    first: Ipv4Addr,
    bits: u32,
    name: &'static str,
}

struct V6Range {
    first: Ipv6Addr,
    bits: u32,
    name: &'static str,
}

impl V4Range {
    fn holds(&self, address: Ipv4Addr) -> bool {
        (self.first.to_bits() ^ address.to_bits()) >> (32 - self.bits) == 0
    }
}

impl V6Range {
    fn holds(&self, address: Ipv6Addr) -> bool {
        (self.first.to_bits() ^ address.to_bits()) >> (128 - self.bits) == 0
    }
}

const fn v4(a: u8, b: u8, c: u8, bits: u32, name: &'static str) -> V4Range {
    V4Range { first: Ipv4Addr::new(a, b, c, 0), bits, name }
}

const fn v6(first: [u16; 6], bits: u32, name: &'static str) -> V6Range {
    let [a, b, c, d, e, f] = first;
    V6Range { first: Ipv6Addr::new(a, b, c, d, e, f, 0, 0), bits, name }
}

const V4: [V4Range; 16] = [
    v4(0, 0, 0, 8, "unspecified"),
    v4(10, 0, 0, 8, "private"),
    v4(100, 64, 0, 10, "shared by a provider's customers"),
    v4(127, 0, 0, 8, "loopback"),
    v4(169, 254, 0, 16, "link-local"),
    v4(172, 16, 0, 12, "private"),
    v4(192, 0, 0, 24, "reserved for protocols"),
    v4(192, 0, 2, 24, "documentation"),
    v4(192, 88, 99, 24, "a 6to4 relay"),
    v4(192, 168, 0, 16, "private"),
    v4(198, 18, 0, 15, "benchmarking"),
    v4(198, 51, 100, 24, "documentation"),
    v4(203, 0, 113, 24, "documentation"),
    v4(224, 0, 0, 4, "multicast"),
    V4Range { first: Ipv4Addr::BROADCAST, bits: 32, name: "broadcast" },
    v4(240, 0, 0, 4, "reserved"),
];

const V6: [V6Range; 16] = [
    V6Range { first: Ipv6Addr::UNSPECIFIED, bits: 128, name: "unspecified" },
    V6Range { first: Ipv6Addr::LOCALHOST, bits: 128, name: "loopback" },
    v6([0, 0, 0, 0, 0, 0], 96, "IPv4-compatible"),
    v6([0, 0, 0, 0, 0, 0xffff], 96, "IPv4-mapped"),
    v6([0x64, 0xff9b, 0, 0, 0, 0], 96, "NAT64"),
    v6([0x64, 0xff9b, 1, 0, 0, 0], 48, "local NAT64"),
    v6([0x100, 0, 0, 0, 0, 0], 64, "discard-only"),
    // Teredo (2001::/32), ORCHID and what else is reserved for protocols.
    v6([0x2001, 0, 0, 0, 0, 0], 23, "reserved for protocols"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0], 32, "documentation"),
    v6([0x2002, 0, 0, 0, 0, 0], 16, "6to4"),
    v6([0x3fff, 0, 0, 0, 0, 0], 20, "documentation"),
    v6([0x5f00, 0, 0, 0, 0, 0], 16, "segment routing"),
    v6([0xfc00, 0, 0, 0, 0, 0], 7, "private"),
    v6([0xfe80, 0, 0, 0, 0, 0], 10, "link-local"),
    v6([0xfec0, 0, 0, 0, 0, 0], 10, "site-local"),
    v6([0xff00, 0, 0, 0, 0, 0], 8, "multicast"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_every_range_are_refused_and_what_lies_beside_them_is_not() {
        let check = |address: &str, want: Option<&str>| {
            assert_eq!(not_global(address.parse().unwrap()), want, "{address}");
        };
        for (first, last, name, below, above) in [
            ("0.0.0.0", "0.255.255.255", "unspecified", None, Some("1.0.0.0")),
            ("10.0.0.0", "10.255.255.255", "private", Some("9.255.255.255"), Some("11.0.0.0")),
            (
                "100.64.0.0",
                "100.127.255.255",
                "shared by a provider's customers",
                Some("100.63.255.255"),
                Some("100.128.0.0"),
            ),
            ("127.0.0.0", "127.255.255.255", "loopback", Some("126.255.255.255"), Some("128.0.0.0")),
            ("169.254.0.0", "169.254.255.255", "link-local", Some("169.253.255.255"), Some("169.255.0.0")),
            ("172.16.0.0", "172.31.255.255", "private", Some("172.15.255.255"), Some("172.32.0.0")),
            (
                "192.0.0.0",
                "192.0.0.255",
                "reserved for protocols",
                Some("191.255.255.255"),
                Some("192.0.1.0"),
            ),
            ("192.0.2.0", "192.0.2.255", "documentation", Some("192.0.1.255"), Some("192.0.3.0")),
            ("192.88.99.0", "192.88.99.255", "a 6to4 relay", Some("192.88.98.255"), Some("192.88.100.0")),
            ("192.168.0.0", "192.168.255.255", "private", Some("192.167.255.255"), Some("192.169.0.0")),
            ("198.18.0.0", "198.19.255.255", "benchmarking", Some("198.17.255.255"), Some("198.20.0.0")),
            ("198.51.100.0", "198.51.100.255", "documentation", Some("198.51.99.255"), Some("198.51.101.0")),
            ("203.0.113.0", "203.0.113.255", "documentation", Some("203.0.112.255"), Some("203.0.114.0")),
            ("224.0.0.0", "239.255.255.255", "multicast", Some("223.255.255.255"), None),
            ("240.0.0.0", "255.255.255.254", "reserved", None, None),
            ("255.255.255.255", "255.255.255.255", "broadcast", None, None),
            ("::", "::", "unspecified", None, None),
            ("::1", "::1", "loopback", None, None),
            ("::2", "::255.255.255.255", "IPv4-compatible", None, None),
            ("::ffff:0.0.0.0", "::ffff:255.255.255.255", "IPv4-mapped", None, None),
            ("64:ff9b::", "64:ff9b::255.255.255.255", "NAT64", None, None),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local NAT64", None, None),
            ("100::", "100::ffff:ffff:ffff:ffff", "discard-only", None, None),
            (
                "2001::",
                "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
                "reserved for protocols",
                Some("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                Some("2001:200::"),
            ),
            (
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                "documentation",
                Some("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"),
                Some("2001:db9::"),
            ),
            (
                "2002::",
                "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "6to4",
                Some("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                Some("2003::"),
            ),
            (
                "3fff::",
                "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                "documentation",
                Some("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                Some("3fff:1000::"),
            ),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "segment routing", None, None),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private", None, None),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local", None, None),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local", None, None),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast", None, None),
            ("4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved", None, None),
            (
                "1::",
                "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff",
                "reserved",
                None,
                Some("2606:2800:21f:cb07:6820:80da:af6b:8b2c"),
            ),
        ] {
            check(first, Some(name));
            check(last, Some(name));
            for beside in [below, above].into_iter().flatten() {
                check(beside, None);
            }
        }
    }
}
