//! The agent's card: it says where the agent listens and what it speaks there.

use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::{
    dialect::{Binding, Interface, Version},
    left,
};
use crate::agents::{
    AgentError, Refusal,
    client::{self, Client},
};

/// Where a card is, from the base; the second is that of versions before 0.3.
const WELL_KNOWN: [&str; 2] = [".well-known/agent-card.json", ".well-known/agent.json"];

/// A card of version 1.0, with a list of interfaces, or of 0.3, with a main one and others.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Card {
    supported_interfaces: Option<Vec<Listed>>,
    url: Option<String>,
    preferred_transport: Option<String>,
    protocol_version: Option<String>,
    additional_interfaces: Option<Vec<Listed>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    url: String,
    #[serde(alias = "transport")]
    protocol_binding: Option<String>,
    protocol_version: Option<String>,
    tenant: Option<String>,
}

impl Card {
    /// Fetches the card of the agent at the client's URL, and returns it with its address.
    ///
    /// # Errors
    /// The situation.
    pub(crate) async fn fetch(client: &Client, until: Instant) -> Result<(Self, Url), AgentError> {
        let mut last = AgentError::from(Refusal::read(404, b""));
        for url in addresses(client.url()) {
            match client.get(url.clone(), &[], left(until)).await {
                Ok(bytes) => {
                    let card = client::read("agent card", &bytes)?;
                    return Ok((card, url));
                }
                Err(AgentError::Refused(refusal)) if refusal.status == 404 => last = refusal.into(),
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// The interface of the newest version that we support, JSON-RPC before HTTP+JSON.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn interface(self, card_url: &Url, client: &Client) -> Result<Interface, AgentError> {
        let main = self.url.map(|url| Listed {
            url,
            protocol_binding: self.preferred_transport,
            protocol_version: self.protocol_version,
            tenant: None,
        });
        let listed = self.supported_interfaces.unwrap_or_default();
        let listed = listed.into_iter().chain(main).chain(self.additional_interfaces.unwrap_or_default());
        let mut supported: Vec<_> = listed.filter_map(|listed| listed.interface(card_url)).collect();
        if supported.is_empty() {
            let why = "its card names no interface that is JSON-RPC or HTTP+JSON of version 1.0 or 0.3";
            return Err(AgentError::Unreadable(why.to_owned()));
        }
        supported.retain(|interface| client.trusts(&interface.url));
        supported.into_iter().min_by_key(|interface| (interface.version, interface.binding)).ok_or_else(|| {
            let why = "its card names another host or port than AGENT_URL, which must not see the token; \
                       with AGENT_AUTH=none there is no token to see";
            AgentError::Unreadable(why.to_owned())
        })
    }
}

impl Listed {
    fn interface(self, card_url: &Url) -> Option<Interface> {
        let binding = match self.protocol_binding.as_deref() {
            None | Some("JSONRPC") => Binding::JsonRpc,
            Some("HTTP+JSON") => Binding::HttpJson,
            Some(_) => return None,
        };
        let version = match self.protocol_version.as_deref() {
            Some(version) if version.starts_with("1.") => Version::One,
            // 0.2 has the same shapes.
            Some(version) if version.starts_with("0.3") || version.starts_with("0.2") => Version::ZeroThree,
            // The interfaces of 0.3 have no version of their own.
            None => Version::ZeroThree,
            Some(_) => return None,
        };
        let tenant = self.tenant.filter(|tenant| !tenant.is_empty());
        Some(Interface { url: card_url.join(&self.url).ok()?, version, binding, tenant })
    }
}

fn addresses(url: &Url) -> Vec<Url> {
    let path = url.path().trim_end_matches('/');
    if path.to_ascii_lowercase().ends_with(".json") {
        return vec![url.clone()];
    }
    let address = |name: &&str| {
        let mut url = url.clone();
        url.set_path(&format!("{path}/{name}"));
        url
    };
    WELL_KNOWN.iter().map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported(card: &serde_json::Value) -> Vec<(String, Version, Binding)> {
        let card: Card = serde_json::from_value(card.clone()).expect("a card");
        let url = "https://h.invalid/.well-known/agent-card.json".parse().expect("a URL");
        let listed = card.supported_interfaces.unwrap_or_default();
        let interfaces = listed.into_iter().filter_map(|listed| listed.interface(&url));
        interfaces.map(|interface| (interface.url.to_string(), interface.version, interface.binding)).collect()
    }

    #[test]
    fn interfaces_that_we_do_not_support_are_left_out() {
        let card = serde_json::json!({ "supportedInterfaces": [
            { "url": "h.invalid:50051", "protocolBinding": "GRPC", "protocolVersion": "1.0" },
            { "url": "/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "0.3" },
            { "url": "https://h.invalid/a", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0", "tenant": "" },
            { "url": "https://h.invalid/b", "protocolBinding": "JSONRPC", "protocolVersion": "2.0" },
        ] });
        assert_eq!(
            supported(&card),
            [
                ("https://h.invalid/rpc".to_owned(), Version::ZeroThree, Binding::JsonRpc),
                ("https://h.invalid/a".to_owned(), Version::One, Binding::HttpJson),
            ]
        );
    }

    #[test]
    fn the_url_is_that_of_the_card_or_the_base() {
        let addresses = |url: &str| {
            let urls = addresses(&url.parse().expect("a URL"));
            urls.iter().map(Url::to_string).collect::<Vec<_>>()
        };
        assert_eq!(addresses("https://h.invalid/a/card.json?x=1"), ["https://h.invalid/a/card.json?x=1"]);
        assert_eq!(
            addresses("https://h.invalid/a/"),
            ["https://h.invalid/a/.well-known/agent-card.json", "https://h.invalid/a/.well-known/agent.json"]
        );
    }
}
