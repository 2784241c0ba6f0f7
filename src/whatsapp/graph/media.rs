//! Uploads files to Meta, and downloads people's pictures.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media>

use std::time::Duration;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use reqwest::{
    Method, RequestBuilder,
    header::CONTENT_TYPE,
    multipart::{Form, Part},
};
use serde::Deserialize;
use url::Url;

use super::{Graph, GraphError, answered, unclear};
use crate::{
    conversation::PhoneNumberId,
    https, json,
    retry::{Clock, USEFUL_REST},
    telemetry::Chain,
    whatsapp::outbound,
};

/// Most bytes of an uploaded file: Meta's limit for videos and sound. A larger document stays a link.
const MAX_FILE: usize = 16 * 1024 * 1024;
/// Most bytes of a picture that a person may send.
const MAX_PICTURE: usize = 5 * 1024 * 1024;
/// Most bytes of a file in a `data:` URL: Meta's limit for pictures.
const MAX_INLINE: usize = 5 * 1024 * 1024;
/// Base64 as people write it: with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Hosts, including their subdomains, that get the access token for a file.
const METAS_HOSTS: &[&str] = &["fbsbx.com", "facebook.com", "fbcdn.net", "whatsapp.net"];
/// The timeout for fetching a file, and for uploading it to Meta.
const FILE_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Uploaded {
    id: String,
}

#[derive(Deserialize)]
struct Kept {
    url: String,
    mime_type: String,
}

impl Graph {
    /// The picture that a person has sent, as `data:<media type>;base64,<bytes>`.
    ///
    /// # Errors
    /// Why it cannot be fetched; Meta deletes it after seven days.
    pub async fn picture(&self, id: &str, clock: &Clock) -> Result<String, GraphError> {
        let keys = self.credentials.keys().await?;
        let look_up = self.call(Method::GET, &keys, &[id])?.timeout(timeout(clock));
        let (status, bytes) = answered(look_up).await?;
        let Kept { url, mime_type } = json::read(&bytes).map_err(|_| unclear(status))?;
        let url = Url::parse(&url).map_err(|_| unclear(status))?;
        if !mime_type.starts_with("image/") {
            return Err(no_file("it is not a picture"));
        }
        let is_metas =
            |host: &str| METAS_HOSTS.iter().any(|metas| host == *metas || host.ends_with(&format!(".{metas}")));
        let is_trusted = url.scheme() == "https" && url.host_str().is_some_and(is_metas)
            || url.origin() == self.settings.base_url.origin();
        if !is_trusted {
            return Err(no_file("it is on a host that is not Meta's: the access token is not sent there"));
        }
        let token = keys.access_token.present().ok_or(GraphError::NoToken)?;
        let (_, bytes) = self.fetch(self.http.get(url).bearer_auth(token.expose()), MAX_PICTURE, clock).await?;
        let mut picture = format!("data:{mime_type};base64,");
        BASE64_STANDARD.encode_string(bytes, &mut picture);
        Ok(picture)
    }

    /// Uploads the file at `link` to Meta for the number with the id `number`, and returns Meta's id of it.
    ///
    /// A `data:` URL contains the file. Else only `https` links to public addresses are fetched: an agent must not reach services on
    /// this machine or in its network.
    ///
    /// # Errors
    /// Why it could not be uploaded.
    pub async fn upload(
        &self,
        number: &PhoneNumberId,
        link: &str,
        name: Option<&str>,
        clock: &Clock,
    ) -> Result<String, GraphError> {
        let _place = self.files.acquire().await.ok();
        let (mime, bytes, in_url) = match outbound::data(link) {
            Some(data) => inline(data).map(|(mime, bytes)| (mime, bytes, String::new()))?,
            None => self.fetch_link(link, clock).await?,
        };
        let name = name.unwrap_or(if in_url.is_empty() { "file" } else { &in_url }).to_owned();
        let keys = self.credentials.keys().await?;
        let part =
            Part::bytes(bytes).file_name(name).mime_str(&mime).map_err(|_| no_file("its media type is not valid"))?;
        let form = Form::new().text("messaging_product", "whatsapp").text("type", mime).part("file", part);
        let request =
            self.call(Method::POST, &keys, &[number.as_str(), "media"])?.multipart(form).timeout(timeout(clock));
        let (status, bytes) = answered(request).await?;
        json::read(&bytes).map(|uploaded: Uploaded| uploaded.id).map_err(|_| unclear(status))
    }

    /// Fetches the file at `link`; returns its media type, its bytes, and the last part of its path.
    async fn fetch_link(&self, link: &str, clock: &Clock) -> Result<(String, Vec<u8>, String), GraphError> {
        let url = Url::parse(link).map_err(|_| no_file("the link is not a URL"))?;
        // If Graph itself is simulated, files may be on this machine as well.
        let is_simulated = self.settings.base_url.scheme() != "https";
        if url.scheme() != "https" && !is_simulated {
            return Err(no_file("only https links are fetched"));
        }
        let outward = if is_simulated { Ok(&self.http) } else { https::client_for(&url) };
        let outward = outward.map_err(|error| GraphError::NoFile(error.to_string()))?;
        let (mime, bytes) = self.fetch(outward.get(url.clone()), MAX_FILE, clock).await?;
        let in_url = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
        Ok((mime, bytes, in_url.to_owned()))
    }

    async fn fetch(
        &self,
        request: RequestBuilder,
        most: usize,
        clock: &Clock,
    ) -> Result<(String, Vec<u8>), GraphError> {
        let failed = |error: reqwest::Error| GraphError::NoFile(Chain(&error.without_url()).to_string());
        let mut response = request.timeout(timeout(clock)).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(GraphError::NoFile(format!("its host answered HTTP {}", response.status().as_u16())));
        }
        let mime = response.headers().get(CONTENT_TYPE).and_then(|mime| mime.to_str().ok());
        let mime = mime.ok_or_else(|| no_file("its host does not report its media type"))?.to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > most {
                return Err(GraphError::NoFile(format!("it has more than {} MB", most / 1024 / 1024)));
            }
        }
        Ok((mime, bytes))
    }
}

/// The media type and the bytes of `<media type>;base64,<bytes>`.
fn inline(data: &str) -> Result<(String, Vec<u8>), GraphError> {
    let (head, words) = data.split_once(',').ok_or_else(|| no_file("its address has no comma before the file"))?;
    let (mime, encoding) = head.rsplit_once(';').unwrap_or((head, ""));
    if !encoding.trim().eq_ignore_ascii_case("base64") {
        return Err(no_file("its address does not contain it as base64"));
    }
    let words: String = words.split_whitespace().collect();
    if words.len() / 4 * 3 > MAX_INLINE {
        return Err(GraphError::NoFile(format!("it has more than {} MB", MAX_INLINE / 1024 / 1024)));
    }
    let bytes = LENIENT.decode(words).map_err(|_| no_file("its address is not base64"))?;
    // Many write `image/jpg`, which is not a media type.
    let mime = mime.trim().to_ascii_lowercase().replace("image/jpg", "image/jpeg");
    Ok((mime, bytes))
}

fn timeout(clock: &Clock) -> Duration {
    FILE_TIMEOUT.min(clock.left().saturating_sub(USEFUL_REST))
}

fn no_file(why: &str) -> GraphError {
    GraphError::NoFile(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_url_contains_a_file_as_base64() {
        for data in ["image/jpg;base64,AQID", " Image/JPEG ; BASE64,AQ\n ID", "image/jpeg;base64,AQID\n"] {
            assert_eq!(inline(data).ok(), Some(("image/jpeg".to_owned(), vec![1, 2, 3])), "{data}");
        }
        assert_eq!(inline("audio/ogg;codecs=opus;base64,AQ").ok(), Some(("audio/ogg;codecs=opus".to_owned(), vec![1])));
        let large = format!("image/png;base64,{}", "A".repeat(MAX_INLINE / 3 * 4 + 8));
        for data in ["image/svg+xml,<svg/>", "image/png;base64", "image/png;base64,%%%", &large] {
            assert!(inline(data).is_err(), "{}", &data[..data.len().min(40)]);
        }
    }
}
