//! The one HTTP client: one pool of connections and one TLS configuration for Graph, the agents and the AWS services.
//!
//! The roots are compiled in and the crypto provider is `ring`. A client of its own for each user, with the
//! roots of the operating system, would read those once per client at every cold start, which costs more than all the
//! rest of the start together.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Under the 60 s after which load balancers drop an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Builds the client. Every call sets its own timeout.
///
/// # Errors
/// When the TLS library refuses the configuration, which is a fault of the build.
#[expect(clippy::disallowed_methods, reason = "this is the one HTTP client")]
pub fn client() -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        // A redirect would carry the token to a host nobody configured.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("whatsapp-endpoint/", env!("CARGO_PKG_VERSION")))
        .build()?)
}

/// The same client in the form that the AWS SDK takes.
#[derive(Debug, Clone)]
pub struct ForAws(pub reqwest::Client);

impl HttpClient for ForAws {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector { client: self.0.clone(), read_timeout: settings.read_timeout() })
    }
}

#[derive(Debug)]
struct Connector {
    client: reqwest::Client,
    read_timeout: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, read_timeout) = (self.client.clone(), self.read_timeout);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let mut request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))
                .map_err(|error| ConnectorError::user(error.into()))?;
            *request.timeout_mut() = read_timeout;
            let response = client.execute(request).await.map_err(|error| {
                if error.is_timeout() {
                    ConnectorError::timeout(error.into())
                } else {
                    ConnectorError::io(error.into())
                }
            })?;
            let response: http::Response<reqwest::Body> = response.into();
            response
                .map(SdkBody::from_body_1_x)
                .try_into()
                .map_err(|error: aws_smithy_runtime_api::http::HttpError| ConnectorError::other(error.into(), None))
        })
    }
}
