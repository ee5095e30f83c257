//! A DNS server on loopback that knows a few names.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

/// Answers A queries for the given names (without trailing dot) until the process ends; returns its address.
pub(super) fn serve(names: BTreeMap<String, Ipv4Addr>) -> SocketAddr {
    let names = names.into_iter();
    serve_all(names.map(|(name, address)| (name, vec![address])).collect())
}

/// The same for names with several addresses, at most 20 each.
pub(super) fn serve_all(names: BTreeMap<String, Vec<Ipv4Addr>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            if let Some(reply) = answer(&buffer[..length], &names) {
                drop(socket.send_to(&reply, client));
            }
        }
    });
    address
}

fn answer(query: &[u8], names: &BTreeMap<String, Vec<Ipv4Addr>>) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    const NO_SUCH_NAME: u8 = 3;
    let (name, name_length) = read_name(query.get(HEADER..)?)?;
    let question = query.get(HEADER..HEADER + name_length + 4)?;
    let wants_ipv4 = question.get(name_length..name_length + 2)? == [0, 1];
    let known = names.get(&name);
    let addresses = known.filter(|_| wants_ipv4).map_or(&[][..], Vec::as_slice);
    let mut reply = query.get(..2)?.to_vec();
    // Response, recursion available; one question.
    reply.extend([0x81, 0x80 | if known.is_none() { NO_SUCH_NAME } else { 0 }]);
    reply.extend([0, 1, 0, u8::try_from(addresses.len()).ok()?, 0, 0, 0, 0]);
    reply.extend(question);
    for address in addresses {
        // Pointer to the question's name, type A, class IN, TTL 30, four bytes.
        reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}

/// The name in lower case, and the bytes it takes.
fn read_name(bytes: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 0;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join(".").to_ascii_lowercase(), at));
        }
        let label = bytes.get(at..at + length)?;
        labels.push(String::from_utf8(label.to_vec()).ok()?);
        at += length;
    }
}
