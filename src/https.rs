//! The one HTTP client: one pool of connections and one TLS configuration for Graph, the agents and the AWS services.
//!
//! The roots are compiled in and the crypto provider is `ring`. Separate clients with the roots of the operating system
//! would each read those at every cold start, which costs more than all the rest of the start together.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::OnceLock,
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT_ENCODING, HeaderMap, HeaderValue},
};
use url::{Host, Url};

type Error = Box<dyn std::error::Error + Send + Sync>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Under the 60 s after which load balancers drop an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Builds the client. Every call sets its own timeout.
///
/// # Errors
/// When the TLS library refuses the configuration, which is a fault of the build.
pub fn client() -> Result<reqwest::Client, Error> {
    Ok(builder()?.build()?)
}

/// The client for an address that does not come from the operator, such as a link of an agent: it reaches public addresses only.
///
/// On this machine, in its network and at the link-local addresses of a cloud there are services that trust every caller.
/// The address is checked after DNS has resolved it, so a name that points inside is refused as well. Redirects are not followed.
///
/// # Errors
/// When `url` itself names an address that is not public, or as [`client`].
pub fn client_for(url: &Url) -> Result<&'static reqwest::Client, Error> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let is_public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    };
    if !is_public {
        return Err(NotPublic.into());
    }
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let built = client_that_reaches(self::is_public)?;
    Ok(CLIENT.get_or_init(|| built))
}

/// A client that connects to a name only at addresses that `accepts` accepts. It does not look at addresses in URLs: that is for the caller.
///
/// # Errors
/// As [`client`].
pub(crate) fn client_that_reaches(accepts: fn(IpAddr) -> bool) -> Result<reqwest::Client, Error> {
    Ok(builder()?.dns_resolver(std::sync::Arc::new(Reaching(accepts))).no_proxy().build()?)
}

/// An address that no one on the outside could reach.
#[derive(Debug, thiserror::Error)]
#[error("it is at an address of this machine or its network: only public addresses are fetched for others")]
struct NotPublic;

/// The system's resolver, without addresses that are not accepted.
#[derive(Debug)]
struct Reaching(fn(IpAddr) -> bool);

impl Resolve for Reaching {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(accepts) = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let accepted: Vec<SocketAddr> = found.filter(|address| accepts(address.ip())).collect();
            if accepted.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(accepted.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public internet.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = match (first, second) {
        // This host, loopback, multicast and reserved; link-local; shared address space; benchmarks.
        (0 | 127 | 224..=255, _) | (169, 254) | (100, 64..=127) | (198, 18 | 19) => true,
        (192, 0) => third == 0 || third == 2,
        _ => address.is_private() || address.is_documentation(),
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, fourth, ..] = address.segments();
    let [.., a, b] = address.segments();
    let [a1, a2] = a.to_be_bytes();
    let [b1, b2] = b.to_be_bytes();
    let embedded = Ipv4Addr::new(a1, a2, b1, b2);
    match (first, second) {
        // Embedded IPv4 addresses: mapped, translated.
        (0, 0) if address.to_ipv4_mapped().is_some() => is_public_v4(embedded),
        (0x64, 0xff9b) if third == 0 && fourth == 0 => is_public_v4(embedded),
        // 6to4 has its IPv4 address in front.
        (0x2002, high) => {
            let ([h1, h2], [l1, l2]) = (high.to_be_bytes(), third.to_be_bytes());
            is_public_v4(Ipv4Addr::new(h1, h2, l1, l2))
        }
        (0x2001, 0xdb8) => false,
        // Global unicast; everything else is local, multicast or reserved.
        _ => first & 0xe000 == 0x2000,
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where clients are built")]
fn builder() -> Result<reqwest::ClientBuilder, Error> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Compression is not worth it for a few kilobytes. Gateways that compress anyway are understood.
    let plain = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    Ok(reqwest::Client::builder()
        .default_headers(plain)
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        // A redirect would carry the token to a host that no one configured.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("whatsapp-endpoint/", env!("CARGO_PKG_VERSION"))))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_not_public() {
        for inside in [
            "0.0.0.0",
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "169.254.100.1",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "198.18.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::7f00:1",
            "2001:db8::1",
        ] {
            assert!(!is_public(inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
        {
            assert!(is_public(outside.parse().expect("an address")), "{outside}");
        }
    }

    #[tokio::test]
    async fn a_name_that_points_inside_is_not_reached() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        for host in ["127.0.0.1", "[::1]", "2130706433", "0x7f.1"] {
            let url = format!("http://{host}:{port}/").parse().expect("a URL");
            assert!(client_for(&url).is_err(), "{host}");
        }
        let url: Url = format!("http://localhost:{port}/").parse().expect("a URL");
        let refused = client_for(&url).expect("a name").get(url).send().await.expect_err("refused");
        assert!(crate::telemetry::Chain(&refused).to_string().contains("only public addresses"), "{refused:?}");
    }
}
