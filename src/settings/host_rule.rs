//! Hosts that an operator names.

use std::{
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use url::Host;

/// A host, and a port unless all of its ports are meant: `crm.example.com`, `10.0.0.7:8080`, `[::1]:80`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    host: Host<String>,
    port: Option<u16>,
}

/// It is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a host name or an address, with a port or without")]
pub struct NoHost;

impl FromStr for HostRule {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, NoHost> {
        let text = text.trim();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| NoHost)?)),
            Some(_) | None => (text, None),
        };
        Ok(Self { host: Host::parse(host).map_err(|_| NoHost)?, port })
    }
}

impl HostRule {
    /// Lambda's Runtime API where `AWS_LAMBDA_RUNTIME_API` is not known.
    pub(crate) const RUNTIME_API: Self = Self { host: Host::Ipv4(Ipv4Addr::LOCALHOST), port: Some(9001) };

    /// Its address, if it names one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        Self::address(&self.host)
    }

    /// Whether it means this port.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    /// The address, if the host is one; `::ffff:127.0.0.1` is 127.0.0.1.
    pub(crate) fn address<T>(host: &Host<T>) -> Option<IpAddr> {
        match host {
            Host::Ipv4(address) => Some((*address).into()),
            Host::Ipv6(address) => Some(IpAddr::from(*address).to_canonical()),
            Host::Domain(_) => None,
        }
    }

    /// Whether it means this host and port.
    pub(crate) fn covers(&self, host: &Host<&str>, port: u16) -> bool {
        let is_host = match (&self.host, host) {
            (Host::Domain(one), Host::Domain(other)) => one.trim_end_matches('.') == other.trim_end_matches('.'),
            (one, other) => Self::address(one).is_some() && Self::address(one) == Self::address(other),
        };
        is_host && self.port.is_none_or(|own| own == port)
    }
}
