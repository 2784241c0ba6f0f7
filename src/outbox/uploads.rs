//! Linked files are uploaded to Meta once: Meta need not fetch them, and a faulty file fails before the send and not after it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Outbox, OutboxError};
use crate::{
    conversation::{Content, Media, Output, PhoneNumberId, Source},
    retry::{Clock, after, back_off},
    telemetry::Chain,
    whatsapp::outbound::is_data,
};

/// How long an uploaded file is used. Meta keeps it for 30 days.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media>
const KEPT: Duration = Duration::from_hours(29 * 24);
/// Tries of a file in a `data:` URL: there is no link that Meta could follow instead.
const TRIES: u32 = 3;

impl Outbox {
    /// Whether a file has to be uploaded before this content is sent.
    pub(super) fn has_upload(&self, content: &Content) -> bool {
        self.delivery.upload_media && links(content).next().is_some()
    }

    /// Replaces links by ids of uploaded files. A file that cannot be uploaded stays a link: Meta may be able to fetch it.
    pub(super) async fn upload(&self, number: &PhoneNumberId, content: &mut Content, clock: &Clock) {
        if !self.delivery.upload_media {
            return;
        }
        for media in links_mut(content) {
            let Source::Link(link) = &media.source else { continue };
            match self.uploaded(number, link, media, clock).await {
                Ok(id) => media.source = Source::Id(id),
                Err(error) => tracing::warn!(error = %Chain(&error), "a file is not uploaded: Meta gets its link"),
            }
        }
    }

    /// Forgets the id of an uploaded file that Meta cannot use: it would fail for the next person too.
    pub(super) async fn forget_upload(&self, number: &PhoneNumberId, link: &str, clock: &Clock) {
        if !self.delivery.upload_media {
            return;
        }
        if let Err(error) = self.store.remember(&key(number, link), "", Some(clock.now())).await {
            tracing::warn!(error = %Chain(&error), "the id of a file that Meta cannot use could not be forgotten");
        }
    }

    /// Uploads the files in `data:` URLs, whatever the operator configured: Meta accepts no such URL, and a conversation has no room
    /// for one. If such a file cannot be uploaded, only its text is sent.
    pub(super) async fn upload_data(&self, number: &PhoneNumberId, outputs: &mut [Output], clock: &Clock) {
        for media in outputs.iter_mut().flat_map(|output| links_mut(&mut output.content)) {
            let Source::Link(link) = &media.source else { continue };
            if !is_data(link) {
                continue;
            }
            for tries in 1..=TRIES {
                match self.uploaded(number, link, media, clock).await {
                    Ok(id) => {
                        media.source = Source::Id(id);
                        break;
                    }
                    Err(OutboxError::Graph(error))
                        if error.heals() && tries < TRIES && clock.pause(back_off(tries)).await => {}
                    Err(error) => {
                        tracing::warn!(error = %Chain(&error), "a file in a data: URL is not uploaded");
                        break;
                    }
                }
            }
        }
    }

    async fn uploaded(
        &self,
        number: &PhoneNumberId,
        link: &str,
        media: &Media,
        clock: &Clock,
    ) -> Result<String, OutboxError> {
        let key = key(number, link);
        if let Some(id) = self.store.recall(&key, clock.now()).await? {
            return Ok(id);
        }
        let id = self.graph.upload(number, link, media.name.as_deref(), clock).await?;
        self.store.remember(&key, &id, Some(after(clock.now(), KEPT))).await?;
        Ok(id)
    }
}

/// The key under which the id of an uploaded file is remembered.
fn key(number: &PhoneNumberId, link: &str) -> String {
    format!("{number}#file#{}", hex::encode(Sha256::digest(link.as_bytes())))
}

/// The linked files of a content.
pub(super) fn links(content: &Content) -> impl Iterator<Item = &Media> {
    let media: Vec<&Media> = match content {
        Content::Media(media) => vec![media],
        Content::Card(card) => card.media.iter().collect(),
        Content::Carousel { cards, .. } => cards.iter().filter_map(|card| card.media.as_ref()).collect(),
        Content::Text(_)
        | Content::List(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Template(_)
        | Content::Reaction(_)
        | Content::LocationRequest(_)
        | Content::ContactRequest(_)
        | Content::Flow(_)
        | Content::Raw(_) => Vec::new(),
    };
    media.into_iter().filter(|media| is_linked(media))
}

/// The linked files of a content, to be replaced.
fn links_mut(content: &mut Content) -> impl Iterator<Item = &mut Media> {
    let media: Vec<&mut Media> = match content {
        Content::Media(media) => vec![media],
        Content::Card(card) => card.media.iter_mut().collect(),
        Content::Carousel { cards, .. } => cards.iter_mut().filter_map(|card| card.media.as_mut()).collect(),
        Content::Text(_)
        | Content::List(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Template(_)
        | Content::Reaction(_)
        | Content::LocationRequest(_)
        | Content::ContactRequest(_)
        | Content::Flow(_)
        | Content::Raw(_) => Vec::new(),
    };
    media.into_iter().filter(|media| is_linked(media))
}

fn is_linked(media: &Media) -> bool {
    matches!(media.source, Source::Link(_))
}
