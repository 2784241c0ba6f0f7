//! Where the requests of scripts may go.
//!
//! Without a list: to every public address. With one: to its hosts only, which may be inside as well. What must never be reached is
//! refused in both cases, above all Lambda's Runtime API: who reaches that takes other people's messages.

use std::{net::IpAddr, sync::OnceLock};

use url::Url;

use super::errors::HooksError;
use crate::{
    https::{client_that_reaches, is_public},
    settings::HostRule,
};

/// Why a request is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("only http and https are spoken")]
    Scheme,
    #[error("this address is never called for a transformer")]
    Never,
    #[error("its host is not in TRANSFORMER_HOSTS")]
    NotNamed,
    #[error("its address is not public: TRANSFORMER_HOSTS can name it")]
    Inside,
}

/// Which addresses a name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    /// Also the network around, but nothing on this machine.
    Network,
    Everything,
}

/// The rules, and a client for each reach.
#[derive(Debug)]
pub(super) struct Hosts {
    named: Vec<HostRule>,
    never: Vec<HostRule>,
    clients: [OnceLock<reqwest::Client>; 3],
}

impl Hosts {
    pub(super) fn new(named: Vec<HostRule>, mut never: Vec<HostRule>) -> Self {
        never.push(HostRule::RUNTIME_API);
        Self { named, never, clients: Default::default() }
    }

    /// The client for a URL, if it may be called at all.
    ///
    /// A name is looked up by the client at the moment at which it connects, so that it cannot have another address then.
    pub(super) fn client(&self, url: &Url) -> Result<&reqwest::Client, ClientError> {
        let reach = self.reach(url)?;
        let (at, accepts): (usize, fn(IpAddr) -> bool) = match reach {
            Reach::Public => (0, is_public),
            Reach::Network => (1, |address| !is_on_this_machine(address)),
            Reach::Everything => (2, |_| true),
        };
        if let Some(client) = self.clients[at].get() {
            return Ok(client);
        }
        let built = client_that_reaches(accepts).map_err(HooksError::Client)?;
        Ok(self.clients[at].get_or_init(|| built))
    }

    fn reach(&self, url: &Url) -> Result<Reach, Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return Err(Refused::Scheme) };
        // The machine has many addresses of its own, 127.0.0.0/8 and 0.0.0.0 among them.
        let is_guarded = self.never.iter().any(|rule| rule.has_port(port) && rule.ip().is_some_and(is_on_this_machine));
        let is_here = HostRule::address(&host).is_some_and(is_on_this_machine);
        if is_guarded && is_here || self.never.iter().any(|rule| rule.covers(&host, port)) {
            return Err(Refused::Never);
        }
        let is_named = self.named.iter().any(|rule| rule.covers(&host, port));
        match (is_named, HostRule::address(&host)) {
            (false, _) if !self.named.is_empty() => Err(Refused::NotNamed),
            (true, _) if is_guarded => Ok(Reach::Network),
            (true, _) => Ok(Reach::Everything),
            (false, Some(address)) if !is_public(address) => Err(Refused::Inside),
            (false, _) => Ok(Reach::Public),
        }
    }
}

/// Why there is no client for a URL.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Client(#[from] HooksError),
}

/// Loopback, the unspecified address that means it, and the link-local ones, where clouds have services for one machine.
fn is_on_this_machine(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.octets()[0] == 0 || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(named: &str, url: &str) -> Result<Reach, Refused> {
        let named = named.split_terminator(',').map(|rule| rule.parse().expect("a host")).collect();
        let never = vec!["127.0.0.1:9001".parse().expect("a host"), "own.example".parse().expect("a host")];
        Hosts::new(named, never).reach(&url.parse().expect("a URL"))
    }

    #[test]
    fn without_a_list_every_public_host_is_reached_and_nothing_inside() {
        for url in ["https://crm.example.com/a", "http://1.1.1.1:8080/", "https://[2606:4700::1111]/"] {
            assert_eq!(reach("", url), Ok(Reach::Public), "{url}");
        }
        for url in [
            "http://127.0.0.1/",
            "http://127.1:8080/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
            "http://10.0.0.1/",
            "http://172.16.0.1/",
            "http://192.168.0.1/",
            "http://100.64.0.1/",
            "http://[64:ff9b::7f00:1]/",
            "http://224.0.0.1/",
        ] {
            assert_eq!(reach("", url), Err(Refused::Inside), "{url}");
        }
        for url in ["ftp://example.com/", "file:///etc/passwd", "data:text/plain,a"] {
            assert_eq!(reach("", url), Err(Refused::Scheme), "{url}");
        }
    }

    #[test]
    fn a_list_is_the_whole_list_and_may_name_what_is_inside() {
        let named = "crm.example.com, 10.0.0.7:8080 ,localhost:3000,[::1]:80";
        for url in ["https://CRM.example.com./a", "http://10.0.0.7:8080/", "http://localhost:3000/", "http://[::1]/"] {
            assert_eq!(reach(named, url), Ok(Reach::Everything), "{url}");
        }
        for url in ["https://example.com/", "http://10.0.0.7/", "http://127.0.0.1:3000/", "https://xcrm.example.com/"] {
            assert_eq!(reach(named, url), Err(Refused::NotNamed), "{url}");
        }
        assert!("crm example".parse::<HostRule>().is_err() && "a:b".parse::<HostRule>().is_err());
    }

    #[test]
    fn the_runtime_api_is_never_reached_even_if_a_list_names_it() {
        let named = "127.0.0.1,localhost,0.0.0.0,[::1],[::ffff:127.0.0.1],169.254.1.1,own.example";
        for url in [
            "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
            "http://127.0.0.2:9001/",
            "http://2130706433:9001/",
            "http://0.0.0.0:9001/",
            "http://[::1]:9001/",
            "http://[::ffff:127.0.0.1]:9001/",
            "http://169.254.1.1:9001/",
            "https://own.example/inject",
        ] {
            assert_eq!(reach(named, url), Err(Refused::Never), "{url}");
        }
        assert_eq!(reach(named, "http://localhost:9001/"), Ok(Reach::Network), "a name is looked up, without loopback");
        assert_eq!(reach(named, "http://127.0.0.1:9002/"), Ok(Reach::Everything));
    }
}
