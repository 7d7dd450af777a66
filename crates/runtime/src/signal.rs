//! A drop signal: one request waits until another one of the same instance drops a value.

/// The dropped end. Dropping it resolves [`Signalled::wait`] of the other end.
#[cfg(target_family = "wasm")]
pub struct Signal {
    _end: spin_sdk::wit_bindgen::StreamWriter<u8>,
}

/// The dropped end. Dropping it resolves [`Signalled::wait`] of the other end.
#[cfg(not(target_family = "wasm"))]
pub struct Signal {
    _end: tokio::sync::oneshot::Sender<()>,
}

/// The awaited end of a drop signal.
#[cfg(target_family = "wasm")]
pub struct Signalled(spin_sdk::wit_bindgen::StreamReader<u8>);

/// The awaited end of a drop signal.
#[cfg(not(target_family = "wasm"))]
pub struct Signalled(tokio::sync::oneshot::Receiver<()>);

/// Creates a drop signal.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (signal, signalled) = connectivity_runtime::signal::signal();
/// tokio::spawn(async move { drop(signal) });
/// signalled.wait().await;
/// # }
/// ```
#[cfg(target_family = "wasm")]
pub fn signal() -> (Signal, Signalled) {
    let (writer, reader) = spin_sdk::wasip3::wit_stream::new();
    (Signal { _end: writer }, Signalled(reader))
}

/// Creates a drop signal.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (signal, signalled) = connectivity_runtime::signal::signal();
/// tokio::spawn(async move { drop(signal) });
/// signalled.wait().await;
/// # }
/// ```
#[cfg(not(target_family = "wasm"))]
pub fn signal() -> (Signal, Signalled) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    (Signal { _end: sender }, Signalled(receiver))
}

impl Signalled {
    /// Returns once the [`Signal`] has been dropped.
    #[cfg(target_family = "wasm")]
    pub async fn wait(mut self) {
        // Nothing is ever written: the read ends because the other end was dropped.
        let _ = self.0.next().await;
    }

    /// Returns once the [`Signal`] has been dropped.
    #[cfg(not(target_family = "wasm"))]
    pub async fn wait(self) {
        let _ = self.0.await;
    }
}
