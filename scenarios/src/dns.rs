//! The answers of guest DNS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use harness::substrate::Reach;
use provision::wait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The time limit of an answer. A resolver gives up after five seconds.
const ANSWER: Duration = Duration::from_secs(5);

/// The code for "no such name" (RFC 1035, section 4.1.1).
const NO_SUCH_NAME: u8 = 3;

/// A DNS server, queried over TCP.
#[derive(Clone, Copy, Debug)]
pub struct Dns {
    address: SocketAddr,
}

/// The answer of a DNS server about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The name has these IPv4 addresses.
    Addresses(Vec<Ipv4Addr>),
    /// There is no such name.
    NoSuchName,
    /// The server failed, with this response code.
    Failed(u8),
}

impl Dns {
    /// Attaches to the DNS server at an address in the cluster.
    pub(crate) async fn at(reach: &Reach, address: IpAddr) -> anyhow::Result<Self> {
        Ok(Self {
            address: reach.open(SocketAddr::new(address, 53)).await?,
        })
    }

    /// Queries a name's IPv4 addresses.
    pub async fn ask(&self, name: &str) -> anyhow::Result<Answer> {
        let asked = wait::at_most(ANSWER, exchange(self.address, &question(name)?)).await;
        let message = asked.with_context(|| format!("no answer about {name} in {ANSWER:?}"))??;
        parse(&message).with_context(|| format!("an answer about {name} that is none"))
    }
}

async fn exchange(address: SocketAddr, question: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_u16(u16::try_from(question.len())?).await?;
    stream.write_all(question).await?;
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Returns a query for one name's A records (RFC 1035, section 4).
fn question(name: &str) -> anyhow::Result<Vec<u8>> {
    // Id 0, recursion desired, one question.
    let mut message = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len())?);
        message.extend_from_slice(label.as_bytes());
    }
    // The root, type A, class IN.
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    Ok(message)
}

fn parse(message: &[u8]) -> Option<Answer> {
    let code = message.get(3)? & 0x0f;
    match code {
        0 => {}
        NO_SUCH_NAME => return Some(Answer::NoSuchName),
        other => return Some(Answer::Failed(other)),
    }
    let answers = u16::from_be_bytes([*message.get(6)?, *message.get(7)?]);
    // The header, then the question: a name, its type and class.
    let mut at = after_name(message, 12)? + 4;
    let mut addresses = Vec::new();
    for _ in 0..answers {
        at = after_name(message, at)?;
        let kind = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
        let length = usize::from(u16::from_be_bytes([*message.get(at + 8)?, *message.get(at + 9)?]));
        let data = message.get(at + 10..at + 10 + length)?;
        if kind == 1 {
            addresses.push(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?));
        }
        at += 10 + length;
    }
    Some(Answer::Addresses(addresses))
}

/// Returns the position after a name: labels up to the root, or up to a pointer to elsewhere.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_a_pointer_is_read() {
        let mut message = question("a.b").unwrap();
        message[7] = 1;
        message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 0, 1]);
        assert_eq!(
            parse(&message),
            Some(Answer::Addresses(vec![Ipv4Addr::new(10, 96, 0, 1)]))
        );
    }

    #[test]
    fn a_missing_name_is_distinguished_from_a_failure() {
        let mut message = question("a.b").unwrap();
        message[3] = 3;
        assert_eq!(parse(&message), Some(Answer::NoSuchName));
        message[3] = 2;
        assert_eq!(parse(&message), Some(Answer::Failed(2)));
    }

    #[test]
    fn what_is_cut_off_is_no_answer() {
        let mut message = question("a.b").unwrap();
        message[7] = 1;
        assert_eq!(parse(&message), None);
    }
}
