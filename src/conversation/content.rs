//! What an agent says, in our own words; how it looks, and what has to give way, is the channel's matter.
//!
//! Words may hold Markdown. Labels, titles and ids are plain.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One output of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// What is said.
    pub content: Content,
    /// Whether it quotes the message it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quotes: bool,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Words.
    Text(String),
    /// Words with things to tap, and a picture, video or file above them.
    Card(Card),
    /// Words and a list to choose from.
    List(List),
    /// Cards side by side, under common words.
    Carousel {
        /// The words above the cards.
        text: String,
        /// The cards, in order.
        cards: Vec<Card>,
    },
    /// A file.
    Media(Media),
    /// A place.
    Location(Location),
    /// Contact cards.
    Contacts(Vec<Contact>),
    /// A message that the channel has approved beforehand.
    Template(Template),
    /// An emoji on the message that is answered; empty takes it back.
    Reaction(String),
    /// Words, and a button that shares the person's place.
    LocationRequest(String),
    /// Words, and a button that shares the person's phone number.
    ContactRequest(String),
    /// Words, and a button that opens a form of the channel.
    Flow(Flow),
    /// A message in the channel's own words, without its recipient.
    Raw(Map<String, Value>),
}

/// Words with things to tap.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// Above the words; a caption of its own is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
    /// The words.
    pub text: String,
    /// What can be tapped, in order.
    pub actions: Vec<Action>,
}

/// Something to tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Says something.
    Choice(Choice),
    /// Opens a page.
    Link {
        /// The words on it.
        title: String,
        /// The page.
        url: String,
    },
    /// Calls a number.
    Call {
        /// The words on it.
        title: String,
        /// The number.
        number: String,
    },
}

/// A choice to tap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// What comes back as the text when it is tapped.
    pub id: String,
    /// The words on it.
    pub title: String,
    /// Smaller words below, where there is room for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Words and a list to choose from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct List {
    /// The words above the list.
    pub text: String,
    /// The words on the button that opens it; `None`: the operator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The list, in order.
    pub sections: Vec<Section>,
}

/// A part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Section {
    /// The words above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What can be chosen, in order.
    pub rows: Vec<Choice>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is.
    pub source: Source,
    /// The words below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// The name of the file; for documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// Sound.
    Audio,
    /// Sound that looks like a recorded message.
    Voice,
    /// Anything else.
    Document,
    /// A sticker.
    Sticker,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// At an `https://` or `http://` URL that everybody can read.
    Link(String),
    /// With the channel, under this id.
    Id(String),
}

/// A place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A contact card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// The whole name.
    pub name: String,
    /// Phone numbers.
    pub phones: Vec<String>,
    /// Mail addresses.
    pub emails: Vec<String>,
    /// The company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// A page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A message that the channel has approved beforehand: it may be sent at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language, such as `en_US`.
    pub language: String,
    /// What stands in the place of the variables of its text.
    pub parameters: Vec<Parameter>,
}

/// What stands in the place of a variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// The variable's name; `None` where variables are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The words.
    pub text: String,
}

/// Words, and a button that opens a form of the channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    /// The words above the button.
    pub text: String,
    /// The channel's id of the form.
    pub id: String,
    /// The words on the button.
    pub label: String,
    /// What comes back with the answer, to tell forms apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The screen that is opened; `None`: the form asks its own server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
    /// What the first screen is filled with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
}

impl From<Content> for Output {
    fn from(content: Content) -> Self {
        Self { content, quotes: false }
    }
}

impl Content {
    /// Words, and up to a few choices.
    #[must_use]
    pub fn choices(text: impl Into<String>, choices: impl IntoIterator<Item = Choice>) -> Self {
        let actions = choices.into_iter().map(Action::Choice).collect();
        Self::Card(Card { text: text.into(), actions, media: None })
    }

    /// Text with actions below it: without actions plain text, without either nothing.
    #[must_use]
    pub fn card(text: Option<String>, actions: Vec<Action>) -> Option<Self> {
        if actions.is_empty() {
            return text.map(Self::Text);
        }
        Some(Self::Card(Card { text: text.unwrap_or_default(), actions, media: None }))
    }
}

impl Choice {
    /// A choice with these words on it.
    #[must_use]
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), description: None }
    }
}

impl List {
    /// Everything that can be chosen, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Choice> {
        self.sections.iter().flat_map(|section| &section.rows)
    }
}
