//! The files of the chat page, served from the binary as they are in `page/`: no build step, nothing from elsewhere.

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::Simulator;

/// Only our own scripts and styles run, so that text of an agent stays text; pictures and sounds may come from anywhere, because an
/// agent links to them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: blob: http: https:; media-src 'self' blob: http: https:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const INDEX: &str = include_str!("page/index.html");
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

const FILES: [(&str, &str, &str); 21] = [
    ("theme.css", CSS, include_str!("page/theme.css")),
    ("layout.css", CSS, include_str!("page/layout.css")),
    ("bubbles.css", CSS, include_str!("page/bubbles.css")),
    ("contents.css", CSS, include_str!("page/contents.css")),
    ("inspector.css", CSS, include_str!("page/inspector.css")),
    ("attach.js", JS, include_str!("page/attach.js")),
    ("bubbles.js", JS, include_str!("page/bubbles.js")),
    ("chat.js", JS, include_str!("page/chat.js")),
    ("choices.js", JS, include_str!("page/choices.js")),
    ("composer.js", JS, include_str!("page/composer.js")),
    ("contents.js", JS, include_str!("page/contents.js")),
    ("element.js", JS, include_str!("page/element.js")),
    ("faults.js", JS, include_str!("page/faults.js")),
    ("inspector.js", JS, include_str!("page/inspector.js")),
    ("markup.js", JS, include_str!("page/markup.js")),
    ("media.js", JS, include_str!("page/media.js")),
    ("memory.js", JS, include_str!("page/memory.js")),
    ("menu.js", JS, include_str!("page/menu.js")),
    ("people.js", JS, include_str!("page/people.js")),
    ("record.js", JS, include_str!("page/record.js")),
    ("server.js", JS, include_str!("page/server.js")),
];

pub(super) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/", get(async || served("text/html; charset=utf-8", INDEX)))
        .route("/page/{name}", get(async |Path(name): Path<String>| file(&name)))
}

fn file(name: &str) -> Response {
    let found = FILES.iter().find(|(file, ..)| *file == name);
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |(_, kind, text)| served(kind, text))
}

fn served(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_served_and_nothing_that_it_asks_for_is_missing() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/page");
        let there: BTreeSet<_> = std::fs::read_dir(folder)
            .expect("the folder")
            .map(|entry| entry.expect("a file").file_name().into_string().expect("a name"))
            .filter(|name| name != "index.html")
            .collect();
        let served: BTreeSet<_> = FILES.iter().map(|(name, ..)| (*name).to_owned()).collect();
        assert_eq!(there, served);
        let asked = FILES.iter().flat_map(|(_, _, text)| text.split("from \"./").skip(1));
        for rest in asked.chain(INDEX.split("\"/page/").skip(1)) {
            let name = rest.split('"').next().expect("a name");
            assert!(served.contains(name), "{name} is asked for");
        }
    }

    #[test]
    fn nothing_foreign_becomes_markup() {
        for (name, _, text) in FILES {
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!text.contains(way), "{name} uses {way}");
            }
        }
    }
}
