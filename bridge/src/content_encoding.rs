//! Bodies that producers have compressed. The message keeps its body; the components get it
//! decompressed.

use crate::delivery::MAX_BODY;
use crate::message::Message;
use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// What producers write into `content_encoding` about a body that is not compressed: charsets
/// (kombu), and the words of MIME.
const NOT_COMPRESSED: [&str; 9] = ["", "identity", "none", "utf-8", "utf8", "us-ascii", "ascii", "binary", "8bit"];

/// The names of compression with zlib: as HTTP has them, and as kombu writes them into the header
/// `compression`.
const COMPRESSED: [&str; 6] = ["gzip", "x-gzip", "deflate", "zlib", "application/x-gzip", "application/gzip"];

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodingError {
    #[error("the message is longer than {} MiB when it is decompressed", MAX_BODY >> 20)]
    TooLong,
    #[error("the body is not compressed as its content_encoding says")]
    Invalid,
    #[error("the content_encoding is not supported: send the body as it is, or with gzip")]
    Unsupported,
}

/// Returns the message as the components get it: with a body that is not compressed.
pub(crate) fn decoded(message: &Message) -> Result<Message, EncodingError> {
    let properties = &message.properties;
    // Spring writes all encodings, such as `gzip:UTF-8`.
    let encodings = properties.content_encoding().unwrap_or_default().to_ascii_lowercase();
    let kombu = properties.header("compression").unwrap_or_default().to_ascii_lowercase();
    let names: Vec<_> = encodings.split([',', ':', ';']).chain([kombu.as_str()]).map(str::trim).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !NOT_COMPRESSED.contains(name)).collect();
    match names.as_slice() {
        [] => Ok(message.clone()),
        [name] if COMPRESSED.contains(name) => Ok(Message { body: decompressed(&message.body)?, ..message.clone() }),
        _ => Err(EncodingError::Unsupported),
    }
}

/// Decompresses a body up to the longest one that is delivered. Which format it has is decided by its
/// first bytes, because `application/x-gzip` is zlib for kombu.
fn decompressed(body: &Bytes) -> Result<Bytes, EncodingError> {
    match **body {
        [0x1f, 0x8b, ..] => read(MultiGzDecoder::new(&body[..])),
        [first, second, ..] if first & 0x0f == 8 && u16::from_be_bytes([first, second]) % 31 == 0 => {
            read(ZlibDecoder::new(&body[..]))
        }
        // Something on the way has decompressed it.
        [b'{', ..] => Ok(body.clone()),
        _ => Err(EncodingError::Invalid),
    }
}

fn read(decoder: impl Read) -> Result<Bytes, EncodingError> {
    let mut body = Vec::new();
    decoder.take(MAX_BODY as u64 + 1).read_to_end(&mut body).map_err(|_| EncodingError::Invalid)?;
    if body.len() > MAX_BODY { Err(EncodingError::TooLong) } else { Ok(body.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amqp::Properties;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write;

    const BODY: &[u8] = b"{\"a\": 1}";

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).expect("written");
        encoder.finish().expect("finished")
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("written");
        encoder.finish().expect("finished")
    }

    fn read(body: &[u8], encoding: &str, compression: &str) -> Result<Bytes, EncodingError> {
        let properties = Properties::encoded(encoding, compression);
        let message = Message { body: Bytes::copy_from_slice(body), properties, ..Message::default() };
        let decoded = decoded(&message)?;
        assert_eq!((&message.properties, &message.headers), (&decoded.properties, &decoded.headers));
        Ok(decoded.body)
    }

    #[test]
    fn bodies_are_decompressed_as_producers_compress_them() {
        for (body, encoding, compression) in [
            (BODY.to_vec(), "", ""),
            (BODY.to_vec(), "utf-8", ""),
            (BODY.to_vec(), "UTF-8", "none"),
            (BODY.to_vec(), "identity", ""),
            (BODY.to_vec(), "gzip", ""),
            (gzip(BODY), "gzip", ""),
            (gzip(BODY), "GZIP", ""),
            (gzip(BODY), "gzip:UTF-8", ""),
            (gzip(BODY), "utf-8, gzip", ""),
            (gzip(BODY), "x-gzip", ""),
            (gzip(BODY), "utf-8", "application/x-gzip"),
            (zlib(BODY), "deflate", ""),
            (zlib(BODY), "utf-8", "application/x-gzip"),
            ([gzip(&BODY[..3]), gzip(&BODY[3..])].concat(), "gzip", ""),
        ] {
            assert_eq!(read(&body, encoding, compression).as_deref(), Ok(BODY), "{encoding:?} {compression:?}");
        }
    }

    #[test]
    fn what_cannot_be_decompressed_has_a_reason() {
        let cut = |body: Vec<u8>| body[..body.len() / 2].to_vec();
        for (body, encoding, expected) in [
            (BODY.to_vec(), "br", EncodingError::Unsupported),
            (gzip(&gzip(BODY)), "gzip, gzip", EncodingError::Unsupported),
            (b"not json".to_vec(), "gzip", EncodingError::Invalid),
            (Vec::new(), "gzip", EncodingError::Invalid),
            (vec![0x1f, 0x8b], "gzip", EncodingError::Invalid),
            (cut(gzip(BODY)), "gzip", EncodingError::Invalid),
            (cut(zlib(BODY)), "deflate", EncodingError::Invalid),
        ] {
            assert_eq!(read(&body, encoding, ""), Err(expected), "{encoding:?}");
        }
    }

    #[test]
    fn decompressed_body_is_bounded() {
        let longest = vec![b' '; MAX_BODY];
        assert_eq!(read(&gzip(&longest), "gzip", "").map(|body| body.len()), Ok(MAX_BODY));
        let bomb = gzip(&vec![0; 256 << 20]);
        assert!(bomb.len() < MAX_BODY, "{}", bomb.len());
        assert_eq!(read(&bomb, "gzip", ""), Err(EncodingError::TooLong));
        assert_eq!(read(&zlib(&vec![0; MAX_BODY + 1]), "deflate", ""), Err(EncodingError::TooLong));
    }
}
