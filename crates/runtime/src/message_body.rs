//! Reading the body of a `wasi:http` message with few calls of the host.

use futures_util::stream::{self, Stream};
use spin_sdk::http::IncomingMessage;
use spin_sdk::wasip3::http::types::ErrorCode;
use spin_sdk::wasip3::wit_future;
use spin_sdk::wit_bindgen::StreamResult;

/// The most bytes that one read asks the host for.
const CHUNK: u64 = 16 * 1024;

/// Returns the body of a request or response in chunks. `length` is its `Content-Length`.
///
/// After `length` bytes the body is complete, and the host is not asked whether more will come: the
/// host has checked the length. Without a length, the host is asked until it says that the message
/// has ended.
///
/// # Errors
///
/// The message broke off before its end (RFC 9112 section 8).
pub fn chunks<M>(message: M, length: Option<u64>) -> impl Stream<Item = Result<Vec<u8>, ErrorCode>> + Send
where
    M: IncomingMessage + Send,
{
    // Dropped with the stream. That tells the host that nobody reads on.
    let (read, reader) = wit_future::new(|| Ok(()));
    let (contents, end) = message.consume_body(reader);
    stream::try_unfold((contents, end, length, read), |(mut contents, end, left, read)| async move {
        if left == Some(0) {
            return Ok(None);
        }
        let room = usize::try_from(left.unwrap_or(CHUNK).min(CHUNK)).unwrap_or_default();
        let (result, chunk) = contents.read(Vec::with_capacity(room)).await;
        if let StreamResult::Complete(_) = result {
            let left = left.map(|left| left.saturating_sub(chunk.len() as u64));
            return Ok(Some((chunk, (contents, end, left, read))));
        }
        end.await?;
        if left.is_some() { Err(ErrorCode::ConnectionTerminated) } else { Ok(None) }
    })
}
