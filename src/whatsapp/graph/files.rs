//! Giving files to Meta.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media>

use std::time::Duration;

use reqwest::{
    header::CONTENT_TYPE,
    multipart::{Form, Part},
};
use serde::Deserialize;
use url::Url;

use super::{Graph, GraphError, answered, unclear};
use crate::retry::{Clock, USEFUL_REST};

/// Most bytes of a file that is uploaded: what Meta takes of videos and sound. A larger document stays a link.
const FILE_MOST: usize = 16 * 1024 * 1024;
/// How long fetching a file, and giving it to Meta, may take each.
const FILE_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Uploaded {
    id: String,
}

impl Graph {
    /// Fetches the file at `link`, gives it to Meta for the number with the id `number`, and answers Meta's id of it.
    ///
    /// Only `https` links are fetched: an agent's words must not reach what listens on this machine. Where Graph itself is
    /// simulated over `http`, files may be as well.
    ///
    /// # Errors
    /// Why it is not with Meta.
    pub async fn upload(
        &self,
        number: &str,
        link: &str,
        name: Option<&str>,
        clock: &Clock,
    ) -> Result<String, GraphError> {
        let url = Url::parse(link).map_err(|_| no_file("the link is no URL"))?;
        if url.scheme() != "https" && self.base_url.scheme() == "https" {
            return Err(no_file("only https links are fetched"));
        }
        let (mime, bytes) = self.fetch(url.clone(), clock).await?;
        let in_url = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
        let name = name.unwrap_or(if in_url.is_empty() { "file" } else { in_url }).to_owned();
        let keys = self.credentials.keys().await?;
        let part = Part::bytes(bytes).file_name(name).mime_str(&mime).map_err(|_| no_file("its media type is none"))?;
        let form = Form::new().text("messaging_product", "whatsapp").text("type", mime).part("file", part);
        let request = self.post(&keys, &[number, "media"])?.multipart(form).timeout(timeout(clock));
        let (status, bytes) = answered(request).await?;
        serde_json::from_slice(&bytes).map(|uploaded: Uploaded| uploaded.id).map_err(|_| unclear(status))
    }

    async fn fetch(&self, url: Url, clock: &Clock) -> Result<(String, Vec<u8>), GraphError> {
        let failed = |error: reqwest::Error| GraphError::NoFile(error.without_url().to_string());
        let mut response = self.http.get(url).timeout(timeout(clock)).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(GraphError::NoFile(format!("its host answered HTTP {}", response.status().as_u16())));
        }
        let mime = response.headers().get(CONTENT_TYPE).and_then(|mime| mime.to_str().ok());
        let mime = mime.ok_or_else(|| no_file("its host does not tell its media type"))?.to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > FILE_MOST {
                return Err(no_file("it has more than 16 MB"));
            }
        }
        Ok((mime, bytes))
    }
}

fn timeout(clock: &Clock) -> Duration {
    FILE_TIMEOUT.min(clock.left().saturating_sub(USEFUL_REST))
}

fn no_file(why: &str) -> GraphError {
    GraphError::NoFile(why.to_owned())
}
