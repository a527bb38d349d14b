//! A name server that knows no name.
//!
//! A container asks the daemon for names, and the daemon asks a name server for those that it does not know. Nothing
//! outside of the sandbox has to be found by name. But a question without an answer delays the container for 20 s and
//! more, for instance a container that asks for another one which is stopped. So this server answers at once that
//! there is no such name.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, UdpSocket};

/// The command line's hidden command that is this server.
pub const COMMAND: &str = "docker-names";

/// The port of name servers (RFC 1035, 4.2.1).
const PORT: u16 = 53;

/// The header of a message (RFC 1035, 4.1.1).
const HEADER: usize = 12;

/// "This is an answer", and "I can ask others", in the header's third and fourth byte.
const IS_ANSWER: u8 = 0x80;
const ASKS_OTHERS: u8 = 0x80;

/// The answer's code for a name that does not exist.
const NO_SUCH_NAME: u8 = 3;

/// Answers for ever; returns only if it cannot.
pub fn serve(address: IpAddr) -> io::Result<Infallible> {
    let socket = UdpSocket::bind((address, PORT))?;
    let mut message = [0; 512];
    loop {
        let (length, who) = socket.recv_from(&mut message)?;
        if let Some(answer) = answer(&message[..length]) {
            // One that has gone by now needs no answer.
            let _gone = socket.send_to(&answer, who);
        }
    }
}

/// Returns the answer to a question, or `None` if the message is not one.
fn answer(message: &[u8]) -> Option<Vec<u8>> {
    let is_question = message.get(2)? & IS_ANSWER == 0;
    let end = question_end(message)?;
    let mut answer = message.get(..end)?.to_vec();
    answer[2] |= IS_ANSWER;
    answer[3] = ASKS_OTHERS | NO_SUCH_NAME;
    // One question, no answers, and nothing of what else the message had.
    answer[4..HEADER].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    is_question.then_some(answer)
}

/// Returns the end of the first question: after its name, which is labels with their lengths up to an empty one, and
/// two numbers of two bytes.
fn question_end(message: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at + 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for the address of `redis`, with an extension after the question (RFC 6891).
    const QUESTION: &[u8] =
        b"\xab\xcd\x01\x20\x00\x01\x00\x00\x00\x00\x00\x01\x05redis\x00\x00\x01\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";

    #[test]
    fn a_question_is_answered_that_there_is_no_such_name() {
        let expected =
            b"\xab\xcd\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00\x05redis\x00\x00\x01\x00\x01".to_vec();
        assert_eq!(answer(QUESTION), Some(expected));
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        let answered = answer(QUESTION).unwrap();
        assert_eq!(answer(&answered), None);
        assert_eq!(answer(&QUESTION[..20]), None);
        assert_eq!(answer(b""), None);
    }
}
