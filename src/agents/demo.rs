//! The built-in demo agent: it needs no set-up, and shows that everything around it works.

use super::{Answer, Question};
use crate::conversation::{Action, Card, Choice, Contact, Content, List, Location, Output, Section};

const MENU: &str = "Write *menu* to see what I can do, and *more* for what an agent can say.";
const CONNECT: &str =
    "To connect your own agent, set *AGENT_PROTOCOL* and *AGENT_URL*; docs/agents.md lists the protocols.";
const MARKDOWN: &str = "# Markdown\n\nAgents write **bold**, *slanted* and ~~struck~~ words, [links](https://example.com/), lists\n\n\
    - one\n- two\n  - and below\n\nand tables:\n\n| Item | Price |\n|---|---|\n| Tea | 2.50 |\n| Cake | 3.20 |";

/// What the demo agent says.
pub(crate) fn answer(question: &Question<'_>) -> Answer {
    let word = question.message.text.as_deref().unwrap_or_default().trim().to_lowercase();
    let content = match (word.as_str(), question.inputs) {
        ("menu", _) => choices(
            "What would you like to see?",
            &[("hello", "Say hello"), ("count", "Count messages"), ("connect", "Connect an agent")],
        ),
        ("more", _) => list(),
        ("buttons", _) => {
            choices("Up to three choices are buttons.", &[("yes", "Yes"), ("no", "No"), ("maybe", "Maybe")])
        }
        ("link", _) => link(),
        ("place", _) => place(),
        ("contact", _) => contact(),
        ("where", _) => Content::LocationRequest("Where are you? Your place is only echoed.".into()),
        ("number", _) => Content::ContactRequest("May I have your number? It is only echoed.".into()),
        ("markdown", _) => Content::Text(MARKDOWN.into()),
        ("count", inputs) => Content::Text(format!("This is message {inputs} of this session.")),
        ("connect", _) => Content::Text(CONNECT.into()),
        ("reaction", _) => {
            return vec![Content::Reaction("👍".into()).into(), quote("That was a reaction, and this is a quote.")]
                .into();
        }
        ("hello" | "hi" | "", 1) | ("hello", _) => text(&[&greeting(question), MENU]),
        (_, 1) => text(&[&greeting(question), &echo(question), MENU]),
        (_, inputs) => Content::Text(format!("{} (Message {inputs} of this session.)", echo(question))),
    };
    vec![content.into()].into()
}

fn text(lines: &[&str]) -> Content {
    Content::Text(lines.join("\n"))
}

fn quote(words: &str) -> Output {
    Output { content: Content::Text(words.into()), quotes: true }
}

fn choices(text: &str, choices: &[(&str, &str)]) -> Content {
    Content::choices(text, choices.iter().map(|(id, title)| Choice::new(*id, *title)))
}

fn list() -> Content {
    let row = |(id, title, description): (&str, &str, &str)| Choice {
        description: Some(description.into()),
        ..Choice::new(id, title)
    };
    let section = |title: &str, rows: Vec<Choice>| Section { title: Some(title.into()), rows };
    let sections = vec![
        section(
            "To tap",
            [("buttons", "Buttons", "Up to three choices"), ("link", "A link", "A button that opens a page")]
                .map(row)
                .into(),
        ),
        section(
            "To look at",
            [
                ("markdown", "Markdown", "As language models write it"),
                ("place", "A place", "On the map"),
                ("contact", "A contact", "A card to save"),
                ("reaction", "A reaction", "On your message, and a quote"),
            ]
            .map(row)
            .into(),
        ),
        section(
            "To ask for",
            [("where", "Your place", "A button that shares it"), ("number", "Your number", "A button that shares it")]
                .map(row)
                .into(),
        ),
    ];
    Content::List(List {
        text: "Everything an agent can say looks like this:".into(),
        label: Some("Show me".into()),
        sections,
    })
}

fn link() -> Content {
    let link = Action::Link { title: "Open example.com".into(), url: "https://example.com/".into() };
    Content::Card(Card { text: "One link is a button.".into(), actions: vec![link], media: None })
}

fn place() -> Content {
    let name = Some("Royal Observatory, Greenwich".into());
    Content::Location(Location { latitude: 51.4769, longitude: -0.0005, name, address: Some("London SE10 8XJ".into()) })
}

fn contact() -> Content {
    let phones = vec!["+1 555 010 0300".into()];
    Content::Contacts(vec![Contact { name: "Bob Example".into(), phones, ..Contact::default() }])
}

fn greeting(question: &Question<'_>) -> String {
    let name = question.person.name.as_deref().map_or_else(String::new, |name| format!(" {name}"));
    format!("Hello{name}! I am the demo agent of your WhatsApp endpoint.")
}

fn echo(question: &Question<'_>) -> String {
    match &question.message.text {
        Some(text) => format!("You said: {text}"),
        None => "You sent something without words; an agent gets all of it.".to_owned(),
    }
}
