//! Addresses and networks, in nginx's syntax, matched by nginx.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ngx::ffi::{
    AF_INET, AF_INET6, AF_UNIX, NGX_DONE, NGX_OK, ngx_array_t, ngx_cidr_match, ngx_cidr_t,
    ngx_int_t, ngx_ptocidr, ngx_uint_t,
};

use super::{Module, Request, bytes};

/// A set of addresses and networks: `10.0.0.0/8`, `2001:db8::1`, `unix:`.
#[derive(Default)]
pub struct Addresses(Vec<ngx_cidr_t>);

/// Something to warn about in an address that was added.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// Nothing.
    None,
    /// Bits beyond the prefix are set: another network may have been meant.
    LowBits,
    /// It includes every address.
    Everybody,
}

impl Addresses {
    /// Adds an address or network; `None` if `text` is neither.
    pub fn add(&mut self, text: &str) -> Option<Remark> {
        // SAFETY: all-zero is a valid entry: no family, no address.
        let mut cidr: ngx_cidr_t = unsafe { core::mem::zeroed() };
        let remark = if text == "unix:" {
            cidr.family = AF_UNIX as ngx_uint_t;
            Remark::None
        } else {
            let mut text = bytes::borrowed(text.as_bytes());
            // SAFETY: nginx reads `len` bytes and fills the entry.
            match unsafe { ngx_ptocidr(&raw mut text, &raw mut cidr) } {
                done if done == NGX_OK as ngx_int_t && is_everybody(&cidr) => Remark::Everybody,
                done if done == NGX_OK as ngx_int_t => Remark::None,
                done if done == NGX_DONE as ngx_int_t => Remark::LowBits,
                _ => return None,
            }
        };
        self.0.push(cidr);
        Some(remark)
    }
}

fn is_everybody(cidr: &ngx_cidr_t) -> bool {
    // SAFETY: the family says which member of the union nginx has filled.
    unsafe {
        match u32::try_from(cidr.family) {
            Ok(AF_INET) => cidr.u.in_.mask == 0,
            Ok(AF_INET6) => {
                let mask = &raw const cidr.u.in6.mask;
                *mask.cast::<[u8; 16]>() == [0; 16]
            }
            _ => false,
        }
    }
}

impl<M: Module> Request<'_, M> {
    /// Whether the peer's address is one of these: as set by the realip module, where that is used.
    pub fn comes_from(&self, addresses: &Addresses) -> bool {
        // SAFETY: a live request has a connection with an address; nginx only reads the array,
        // which is laid out like its own arrays.
        unsafe {
            let mut array: ngx_array_t = core::mem::zeroed();
            array.elts = addresses.0.as_ptr().cast_mut().cast();
            array.nelts = addresses.0.len();
            array.size = size_of::<ngx_cidr_t>();
            let peer = (*(*self.raw).connection).sockaddr;
            ngx_cidr_match(peer, &raw mut array) == NGX_OK as ngx_int_t
        }
    }

    /// The peer's address, as set by the realip module. `None` on a Unix socket.
    pub fn peer_address(&self) -> Option<IpAddr> {
        // SAFETY: a live request has a connection with an address of its family's length; it is
        // copied, so its alignment does not matter.
        unsafe {
            let peer = (*(*self.raw).connection).sockaddr;
            match u32::from((*peer).sa_family) {
                AF_INET => {
                    let peer = peer.cast::<libc::sockaddr_in>().read_unaligned();
                    Some(Ipv4Addr::from_bits(u32::from_be(peer.sin_addr.s_addr)).into())
                }
                AF_INET6 => {
                    let peer = peer.cast::<libc::sockaddr_in6>().read_unaligned();
                    Some(Ipv6Addr::from(peer.sin6_addr.s6_addr).into())
                }
                _ => None,
            }
        }
    }

    /// The peer's address, as text.
    pub fn peer(&self) -> &[u8] {
        // SAFETY: as above; the text lives as long as the connection.
        unsafe { bytes::slice(&(*(*self.raw).connection).addr_text) }
    }
}
