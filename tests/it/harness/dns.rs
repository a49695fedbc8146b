//! A name server with a single name, for nginx's `resolver`.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

/// Responds until the process exits.
#[derive(Debug)]
pub(crate) struct NameServer {
    address: SocketAddr,
}

impl NameServer {
    /// Resolves `name` to 127.0.0.1, and no other.
    pub(crate) fn start(name: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("its address");
        let known = labels(name);
        thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut query) {
                if let Some(answer) = answer(&query[..length], &known) {
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        Self { address }
    }

    /// The address for `resolver`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// RFC 1035 section 4: repeats the question and, if the name is known, adds an A record.
fn answer(query: &[u8], known: &[u8]) -> Option<Vec<u8>> {
    let question = query.get(12..)?;
    let end = question.iter().position(|&byte| byte == 0)? + 1;
    let is_known = question[..end].eq_ignore_ascii_case(known);
    let wants_address = question.get(end..end + 2)? == [0, 1];
    let has_answer = is_known && wants_address;

    let mut answer = query[..2].to_vec();
    answer.extend([0x81, if is_known { 0x80 } else { 0x83 }]); // 3: no such name
    answer.extend([0, 1, 0, u8::from(has_answer), 0, 0, 0, 0]);
    answer.extend(question.get(..end + 4)?);
    if has_answer {
        // A pointer to the question's name, type A, class IN, TTL 60 seconds, length 4.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

fn labels(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[label.len() as u8], label.as_bytes()].concat();
    let mut labels: Vec<u8> = name.split('.').flat_map(label).collect();
    labels.push(0);
    labels
}
