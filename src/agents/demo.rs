//! The agent that is built in: it needs nothing, and shows that everything around it works.

use super::Question;
use crate::conversation::{Choice, Said};

const MENU: &str = "Write *menu* to see what I can do.";
const CONNECT: &str =
    "To connect your own agent, set *AGENT_PROTOCOL* and *AGENT_URL*; the README lists the protocols.";

/// What the demo agent says.
pub fn answer(question: &Question<'_>) -> Vec<Said> {
    let word = question.message.text.as_deref().unwrap_or_default().trim().to_lowercase();
    match (word.as_str(), question.inputs) {
        ("menu", _) => vec![Said::Choices {
            text: "What would you like to see?".into(),
            options: [("hello", "Say hello"), ("count", "Count messages"), ("connect", "Connect an agent")]
                .map(choice)
                .into(),
        }],
        ("count", inputs) => vec![Said::Text(format!("This is message {inputs} of this session."))],
        ("connect", _) => vec![Said::Text(CONNECT.into())],
        ("hello" | "hi" | "", 1) | ("hello", _) => vec![text(&[&greeting(question), MENU])],
        (_, 1) => vec![text(&[&greeting(question), &echo(question), MENU])],
        (_, inputs) => vec![Said::Text(format!("{} (Message {inputs} of this session.)", echo(question)))],
    }
}

fn text(lines: &[&str]) -> Said {
    Said::Text(lines.join("\n"))
}

fn choice((id, title): (&str, &str)) -> Choice {
    Choice { id: id.into(), title: title.into() }
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
