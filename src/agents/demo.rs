//! The agent that is built in: it needs nothing, and shows that everything around it works.

use super::{Answer, Question};
use crate::conversation::{Choice, Said};

const MENU: &str = "Write *menu* to see what I can do.";
const CONNECT: &str =
    "To connect your own agent, set *AGENT_PROTOCOL* and *AGENT_URL*; the README lists the protocols.";

/// What the demo agent says.
pub fn answer(question: &Question<'_>) -> Answer {
    let word = question.message.text.as_deref().unwrap_or_default().trim().to_lowercase();
    let said = match (word.as_str(), question.inputs) {
        ("menu", _) => Said::choices(
            "What would you like to see?",
            [
                Choice::new("hello", "Say hello"),
                Choice::new("count", "Count messages"),
                Choice::new("connect", "Connect an agent"),
            ],
        ),
        ("count", inputs) => Said::Text(format!("This is message {inputs} of this session.")),
        ("connect", _) => Said::Text(CONNECT.into()),
        ("hello" | "hi" | "", 1) | ("hello", _) => text(&[&greeting(question), MENU]),
        (_, 1) => text(&[&greeting(question), &echo(question), MENU]),
        (_, inputs) => Said::Text(format!("{} (Message {inputs} of this session.)", echo(question))),
    };
    vec![said.into()].into()
}

fn text(lines: &[&str]) -> Said {
    Said::Text(lines.join("\n"))
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
