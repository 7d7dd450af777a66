use super::*;
use futures_util::task::{ArcWake, waker};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A stream from which these pieces can be read, and then nothing.
struct Pieces(Vec<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let piece = self.0.remove(0);
        buffer[..piece.len()].copy_from_slice(&piece);
        Poll::Ready(Ok(piece.len()))
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl ArcWake for Wakes {
    fn wake_by_ref(wakes: &Arc<Self>) {
        wakes.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reads once and returns the bytes, or nothing if there are none yet.
fn read(stream: &mut Filtered<Pieces>, count: &Arc<Wakes>) -> Option<Vec<u8>> {
    let mut buffer = vec![0; CHUNK];
    let waker = waker(Arc::clone(count));
    match Pin::new(stream).poll_read(&mut Context::from_waker(&waker), &mut buffer) {
        Poll::Ready(read) => Some(buffer[..read.expect("no error")].to_vec()),
        Poll::Pending => None,
    }
}

const HEARTBEAT: &[u8] = &[8, 0, 0, 0, 0, 0, 0, 0xCE];

#[tokio::test]
async fn nothing_is_read_while_too_many_bytes_are_in_progress() {
    let (line, wakes) = (Line::new(true), Arc::new(Wakes::default()));
    let mut stream = Filtered::new(Pieces(vec![HEARTBEAT.to_vec(), HEARTBEAT.to_vec()]), Arc::clone(&line));
    assert_eq!(read(&mut stream, &wakes).as_deref(), Some(HEARTBEAT));
    line.add(16 * 1024 * 1024);
    let held = line.hold(16 * 1024 * 1024);
    assert_eq!(read(&mut stream, &wakes), None);
    line.tick();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1, "a heartbeat is due");
    assert_eq!(read(&mut stream, &wakes).as_deref(), Some(HEARTBEAT));
    assert_eq!((read(&mut stream, &wakes), stream.stream.0.len()), (None, 1), "the broker's bytes wait");
    drop(held);
    assert_eq!(wakes.0.load(Ordering::SeqCst), 2, "reading goes on");
    assert_eq!(read(&mut stream, &wakes).as_deref(), Some(HEARTBEAT));
    assert_eq!(stream.stream.0.len(), 0);
}

#[tokio::test]
async fn aborted_stream_ends() {
    let (line, wakes) = (Line::new(false), Arc::new(Wakes::default()));
    let mut stream = Filtered::new(Pieces(Vec::new()), Arc::clone(&line));
    assert_eq!(read(&mut stream, &wakes), None);
    line.abort();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    assert_eq!(read(&mut stream, &wakes).as_deref(), Some(&[][..]));
}
