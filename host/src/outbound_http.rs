//! HTTP requests that components send: only to allowed hosts, and each over a connection of its own.

use crate::allowed_hosts::AllowedHosts;
use crate::single_use::SingleUse;
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

/// The suffix of the host names by which the components of the application call each other.
const INTERNAL_SUFFIX: &str = ".spin.internal";

/// Has a component of the application answer a request. A function, so that this module need not
/// know the engine.
pub(crate) type Dispatch = Arc<dyn Fn(http::Request<WasiBody>) -> Dispatched + Send + Sync>;

type Dispatched = Pin<Box<dyn Future<Output = Result<http::Response<WasiBody>>> + Send>>;

/// The components of the application by id, for requests from one to another. Empty until all are
/// loaded.
#[derive(Clone, Default)]
pub(crate) struct Internal(Arc<OnceLock<BTreeMap<String, Dispatch>>>);

impl Internal {
    /// Sets the components. Later calls have no effect.
    pub(crate) fn connect(&self, components: BTreeMap<String, Dispatch>) {
        self.0.get_or_init(|| components);
    }

    /// Returns the component that a host name stands for, or `None` for a host outside of the
    /// application.
    fn find(&self, host: &str) -> Option<Result<Dispatch>> {
        let id = host.strip_suffix(INTERNAL_SUFFIX)?;
        let component = self.0.get().and_then(|components| components.get(id)).cloned();
        Some(component.ok_or(Error::DestinationUnavailable))
    }
}

/// The HTTP client of one component.
#[derive(Clone)]
pub(crate) struct OutboundHttp {
    client: SingleUse,
    allowed: AllowedHosts,
    internal: Internal,
}

impl OutboundHttp {
    pub(crate) fn new(client: SingleUse, allowed: AllowedHosts, internal: Internal) -> Self {
        Self { client, allowed, internal }
    }

    /// Returns whether the component may connect to `address`.
    pub(crate) fn allows(&self, address: &str) -> bool {
        self.allowed.allows(address)
    }
}

/// The work that remains after the head of a response: none, because the body drives the
/// connection.
type Io = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttpHooks for OutboundHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io)>> + Send> {
        let allowed = self.allows(&request.uri().to_string());
        let client = self.client.clone();
        let internal = request.uri().host().and_then(|host| self.internal.find(host));
        let first_byte = options.and_then(|options| options.first_byte_timeout);
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            if let Some(dispatch) = internal {
                let response = dispatch?(request).await?;
                return Ok((response, Box::new(async { Ok(()) }) as Io));
            }
            let response = client.send(request);
            let response = match first_byte {
                Some(limit) => tokio::time::timeout(limit, response).await.map_err(|_| Error::ConnectionReadTimeout)?,
                None => response.await,
            };
            Ok((response?.map(BodyExt::boxed_unsync), Box::new(async { Ok(()) }) as Io))
        })
    }
}
