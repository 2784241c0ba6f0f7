//! What an agent says, in our own types. The channel decides how it looks and what is left out.
//!
//! Texts may contain Markdown. Labels, titles and ids are plain.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One output of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The content.
    pub content: Content,
    /// Whether it quotes the message that it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quotes: bool,
}

/// The content of an output or a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A text.
    Text(String),
    /// A text with buttons below it, and a picture, video or file above it.
    Card(Card),
    /// A text and a list to choose from.
    List(List),
    /// Cards side by side, below a common text.
    Carousel {
        /// The text above the cards.
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
    /// A text, and a button that shares the person's location.
    LocationRequest(String),
    /// A text, and a button that shares the person's phone number.
    ContactRequest(String),
    /// A text, and a button that opens a form of the channel.
    Flow(Flow),
    /// A message in the channel's own format, without its recipient.
    Raw(Map<String, Value>),
}

/// A text with buttons.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// Above the text; its own caption is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
    /// The text.
    pub text: String,
    /// The buttons, in order.
    pub actions: Vec<Action>,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Says something.
    Choice(Choice),
    /// Opens a page.
    Link {
        /// Its label.
        title: String,
        /// The page.
        url: String,
    },
    /// Calls a number.
    Call {
        /// Its label.
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
    /// Its label.
    pub title: String,
    /// Smaller text below the title, where there is room for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A text and a list to choose from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct List {
    /// The text above the list.
    pub text: String,
    /// The label of the button that opens it; `None`: the operator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The list, in order.
    pub sections: Vec<Section>,
}

/// A part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Section {
    /// Its heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The choices, in order.
    pub rows: Vec<Choice>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is.
    pub source: Source,
    /// The text below it.
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
    /// At an `https://` or `http://` URL that everyone can read.
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

/// A message that the channel has approved beforehand, which may be sent at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language, such as `en_US`.
    pub language: String,
    /// The values for the variables of its text.
    pub parameters: Vec<Parameter>,
}

/// The value for a variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// The variable's name; `None` if variables are numbered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The value.
    pub text: String,
}

/// A text, and a button that opens a form of the channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    /// The text above the button.
    pub text: String,
    /// The channel's id of the form.
    pub id: String,
    /// The label of the button.
    pub label: String,
    /// Comes back with the answer, to distinguish forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The screen that is opened; `None`: the form asks its own server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
    /// The data for the first screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
}

impl From<Content> for Output {
    fn from(content: Content) -> Self {
        Self { content, quotes: false }
    }
}

impl Content {
    /// A text, and a few choices at most.
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
    /// A choice with this title.
    #[must_use]
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), description: None }
    }
}

impl List {
    /// All choices, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Choice> {
        self.sections.iter().flat_map(|section| &section.rows)
    }
}
