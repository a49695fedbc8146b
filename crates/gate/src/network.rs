//! Who counts as the same sender, where senders share limited room.

use std::net::IpAddr;

/// The network of one client: an IPv4 address, or the /64 of an IPv6 address, within which a host
/// may use any address (RFC 4291 §2.5.1). IPv4 and IPv6 values never collide among assigned
/// addresses (in IANA's IPv6 space, everything below 100::/64 stands for IPv4).
#[must_use]
pub fn client_network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            u64::from_be_bytes([a, b, c, d, e, f, g, h])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_its_ipv4_address_or_its_64_bits_of_ipv6() {
        let of = |text: &str| client_network(text.parse().unwrap());
        for (one, other, same) in [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("2001:db8::1", "192.0.2.7", false),
        ] {
            assert_eq!(of(one) == of(other), same, "{one} {other}");
        }
    }
}
