//! Messages as bytes: a length of four bytes and a postcard body; before them one greeting of a fixed shape.

use super::protocol::{BUILD, LAYOUT, PROTOCOL};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};

/// Largest body. Pixels and objects go through the ring; a manifest of a slide whose every tile failed fits.
const MOST_BYTES: u32 = 256 << 20;
/// Largest build id and largest body of a greeting.
const MOST_HELLO: u32 = 64 << 10;

/// Which side greets; a program that only repeats its input is not taken for an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The host greets first.
    Host,
    /// The engine answers.
    Engine,
}

impl Side {
    fn magic(self) -> [u8; 8] {
        match self {
            Self::Host => *b"slides>>",
            Self::Engine => *b"<<slides",
        }
    }
}

/// `0.1.0-1f00...`: of which sources a side was built.
pub fn build_id() -> String {
    format!("{BUILD}-{LAYOUT:016x}")
}

/// Sends one message.
///
/// # Errors
/// The other side is gone, or the message is too large.
pub fn send(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    bytes = postcard::to_extend(message, bytes).map_err(invalid)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length <= MOST_BYTES);
    let length = length.ok_or_else(|| invalid(format!("a message of {} bytes", bytes.len() - 4)))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    out.write_all(&bytes)?;
    out.flush()
}

/// The next message; none if the other side closed its end between two messages.
///
/// # Errors
/// The other side died within a message, or sent what is none.
pub fn receive<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    let mut have = 0;
    while have < 4 {
        match input.read(&mut length[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let body = body(input, u32::from_le_bytes(length), MOST_BYTES)?;
    match postcard::take_from_bytes(&body).map_err(invalid)? {
        (message, []) => Ok(Some(message)),
        (_, rest) => Err(invalid(format!("{} bytes too many in a message", rest.len()))),
    }
}

/// Greets: who I am, and `body`.
///
/// # Errors
/// The other side is gone.
pub fn greet(out: &mut impl Write, side: Side, body: &impl Serialize) -> io::Result<()> {
    let build = build_id();
    let body = postcard::to_stdvec(body).map_err(invalid)?;
    let mut bytes = side.magic().to_vec();
    bytes.extend(PROTOCOL.to_le_bytes());
    for part in [build.as_bytes(), &body] {
        bytes.extend((part.len() as u32).to_le_bytes());
        bytes.extend(part);
    }
    out.write_all(&bytes)?;
    out.flush()
}

/// What a greeting says about the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Version of its messages.
    pub protocol: u32,
    /// Of which sources it was built.
    pub build: String,
    body: Vec<u8>,
}

/// The greeting of `side`.
///
/// # Errors
/// What came is none, or the other side is gone.
pub fn greeted(input: &mut impl Read, side: Side) -> io::Result<Greeting> {
    let mut magic = [0; 8];
    input.read_exact(&mut magic)?;
    if magic != side.magic() {
        return Err(invalid(format!("`{}` is no greeting", magic.escape_ascii())));
    }
    let mut number = || -> io::Result<u32> {
        let mut bytes = [0; 4];
        input.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    };
    let (protocol, length) = (number()?, number()?);
    let build = String::from_utf8_lossy(&body(input, length, MOST_HELLO)?).into_owned();
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(Greeting { protocol, build, body: body(input, u32::from_le_bytes(bytes), MOST_HELLO)? })
}

impl Greeting {
    /// Its body, once both sides are known to be of the same sources.
    ///
    /// # Errors
    /// A sentence that names both versions.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, String> {
        let own = build_id();
        if (self.protocol, &self.build) != (PROTOCOL, &own) {
            return Err(format!(
                "the engine and the library are of different versions: one is {own} (protocol {PROTOCOL}), the other {} \
                 (protocol {}); install both from the same release",
                self.build, self.protocol
            ));
        }
        postcard::from_bytes(&self.body).map_err(|error| error.to_string())
    }
}

fn body(input: &mut impl Read, length: u32, most: u32) -> io::Result<Vec<u8>> {
    if length > most {
        return Err(invalid(format!("a message of {length} bytes, {most} at most")));
    }
    // Grown as bytes come: a wrong length must not take memory.
    let mut body = Vec::new();
    let got = input.take(length.into()).read_to_end(&mut body)?;
    if got < length as usize { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(body) }
}

fn invalid(reason: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::{ModelChoice, Order, SegmentOrder, ToEngine};

    fn order() -> ToEngine {
        let text = r#"{"image": {"host": {"name": "a", "identity": "b", "levels": [{"width": 4, "height": 2}]}},
            "model": {"model": "m", "device": "cpu"}, "config": {"area": "whole_slide", "mpp": 0.5}}"#;
        ToEngine::Begin(7, Order::Segment(Box::new(serde_json::from_str::<SegmentOrder>(text).unwrap())))
    }

    #[test]
    fn messages_come_back_as_they_were_sent_and_an_end_between_them_is_no_error() {
        let mut bytes = Vec::new();
        let train = r#"{"pretrain": {"config": "a.toml", "out": "b"}}"#;
        let sent = [order(), ToEngine::Ping, ToEngine::Begin(8, serde_json::from_str(train).unwrap())];
        sent.iter().for_each(|message| send(&mut bytes, message).unwrap());
        let mut input = &bytes[..];
        for message in sent {
            assert_eq!(receive::<ToEngine>(&mut input).unwrap(), Some(message));
        }
        assert_eq!(receive::<ToEngine>(&mut input).unwrap(), None);
        for cut in 1..4 {
            assert!(receive::<ToEngine>(&mut &bytes[..cut]).is_err(), "cut after {cut} bytes");
        }
    }

    #[test]
    fn a_length_from_nowhere_takes_no_memory_and_is_refused() {
        let error = receive::<ToEngine>(&mut &b"\xff\xff\xff\xffhello"[..]).unwrap_err().to_string();
        assert!(error.contains("a message of 4294967295 bytes"), "{error}");
        assert!(receive::<ToEngine>(&mut &b"\x05\0\0\0\0junk"[..]).is_err(), "bytes after a message");
    }

    #[test]
    fn an_orders_unknown_field_is_refused_by_name() {
        let error = serde_json::from_str::<ModelChoice>(r#"{"model": "m", "divice": "cpu"}"#).unwrap_err();
        assert!(error.to_string().contains("divice"), "{error}");
    }

    #[test]
    fn sides_of_different_sources_are_told_apart_before_anything_is_read() {
        let mut bytes = Vec::new();
        greet(&mut bytes, Side::Host, &5_u32).unwrap();
        assert_eq!(greeted(&mut &bytes[..], Side::Host).unwrap().body::<u32>(), Ok(5));
        assert!(greeted(&mut &bytes[..], Side::Engine).is_err(), "an echo is no engine");
        let at = bytes.iter().position(|byte| *byte == b'-').unwrap();
        bytes[at + 1] = b'x';
        let error = greeted(&mut &bytes[..], Side::Host).unwrap().body::<u32>().unwrap_err();
        assert!(error.contains("different versions") && error.contains(&build_id()), "{error}");
        bytes[8] += 1;
        assert!(greeted(&mut &bytes[..], Side::Host).unwrap().body::<u32>().unwrap_err().contains("protocol 2"));
    }
}
