//! The Graph API: where it is.

use url::Url;

use super::{
    table::{Group, Setting},
    vars::Vars,
};

/// Where Meta has it.
const META: &str = "https://graph.facebook.com";

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::with_default("GRAPH_BASE_URL", "GraphBaseUrl", META),
        Setting::with_default("GRAPH_API_VERSION", "GraphApiVersion", "v26.0"),
    ],
    prefixes: &["GRAPH_"],
};

/// Where the Graph API is.
#[derive(Debug, Clone)]
pub struct GraphSettings {
    /// Its scheme and host.
    pub base_url: Url,
    /// Version segment of its paths, such as `v26.0`.
    pub api_version: String,
}

impl GraphSettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        // Meta's stands in for a URL that cannot be used, and is not used either: the fault is noted.
        let base_url = vars.url("GRAPH_BASE_URL").unwrap_or_else(|| META.parse().expect("a URL"));
        Self { base_url, api_version: api_version(vars, "GRAPH_API_VERSION") }
    }
}

fn api_version(vars: &mut Vars, name: &str) -> String {
    let text = vars.text(name).unwrap_or_default();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_prefix('v').and_then(|rest| rest.split_once('.')) {
        Some((major, minor)) if digits(major) && digits(minor) => text,
        _ => vars.fault(format!("{name} is \"{text}\" but must look like v26.0")),
    }
}
