//! Requests of API Gateway, made such that `lambda_http` can build every one of them.

use std::{collections::HashMap, mem::take};

use ::http::{HeaderMap, header::HOST, uri::PathAndQuery};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use lambda_http::{aws_lambda_events::query_map::QueryMap, request::LambdaRequest};
use url::{Url, form_urlencoded};

/// Decodes the body, and leaves of the URL only what counts here: the path without its stage and the query, and of these only what
/// a URL may hold.
///
/// `lambda_http` panics where scheme, host, path and query together are no URL: strangers write odd headers, API Gateway
/// decodes a path with spaces, and a query may hold anything. It would also put the stage in front of the path.
pub(super) fn tidy(request: &mut LambdaRequest) {
    match request {
        LambdaRequest::ApiGatewayV1(request) => {
            request.request_context.domain_name = None;
            decode(&mut request.body, &mut request.is_base64_encoded);
            forget_host(&mut request.headers);
            forget_host(&mut request.multi_value_headers);
            let path = path(request.path.take(), request.request_context.stage.take());
            let (one, all) =
                (take(&mut request.query_string_parameters), take(&mut request.multi_value_query_string_parameters));
            let query = without_empty(if all.is_empty() { &one } else { &all });
            if is_url(&path, &query.to_query_string()) {
                request.multi_value_query_string_parameters = query;
            }
            request.path = Some(path);
        }
        LambdaRequest::ApiGatewayV2(request) => {
            request.request_context.domain_name = None;
            decode(&mut request.body, &mut request.is_base64_encoded);
            forget_host(&mut request.headers);
            let path = path(request.raw_path.take(), request.request_context.stage.take());
            let given = request.raw_query_string.take().unwrap_or_default();
            request.raw_query_string = match is_url(&path, &given) {
                true => Some(given),
                false => Some(encode(&given)).filter(|query| is_url(&path, query)),
            };
            request.raw_path = Some(path);
        }
        _ => {}
    }
}

/// Decodes a body that is text. One that is no base64 at all is taken as it stands, for its signature to tell: `lambda_http` panics on it.
fn decode(body: &mut Option<String>, is_base64: &mut bool) {
    let Some(encoded) = body.as_mut().filter(|_| *is_base64) else { return };
    match BASE64_STANDARD.decode(encoded.as_bytes()).map(String::from_utf8) {
        Ok(Ok(text)) => (*encoded, *is_base64) = (text, false),
        Ok(Err(_)) => {}
        Err(_) => *is_base64 = false,
    }
}

fn forget_host(headers: &mut HeaderMap) {
    headers.remove(HOST);
    headers.remove("x-forwarded-proto");
}

/// The path without its stage, encoded; `/` in the place of what is no path.
fn path(given: Option<String>, stage: Option<String>) -> String {
    let given = given.unwrap_or_default();
    let prefix = format!("/{}/", stage.unwrap_or_default());
    let path = given.strip_prefix(&prefix).map(|rest| format!("/{rest}")).unwrap_or(given);
    if is_plain(&path) {
        return path;
    }
    let url = (path.starts_with('/') && is_url(&path, "")).then(|| Url::parse(&format!("http://localhost{path}")));
    let encoded = url.and_then(Result::ok).map(|url| url.path().to_owned());
    // Encoded it may be too long.
    encoded.filter(|path| is_url(path, "")).unwrap_or_else(|| "/".to_owned())
}

/// Whether nothing can be wrong with a path, as with all of ours.
fn is_plain(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    path.starts_with('/') && path.len() <= 256 && path.bytes().all(is_plain)
}

fn is_url(path: &str, query: &str) -> bool {
    format!("{path}?{query}").parse::<PathAndQuery>().is_ok()
}

fn encode(query: &str) -> String {
    let pairs = form_urlencoded::parse(query.as_bytes());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The parameters that have a value, for `lambda_http` panics on one without.
fn without_empty(query: &QueryMap) -> QueryMap {
    let values = serde_json::to_value(query).and_then(serde_json::from_value::<HashMap<String, Vec<String>>>);
    let values = values.unwrap_or_default().into_iter().filter(|(_, values)| !values.is_empty());
    values.collect::<HashMap<_, _>>().into()
}
