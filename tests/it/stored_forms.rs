//! Forms that outlive a process: what queues and stores keep is understood by today's code, and written as it was.
//!
//! `tests/fixtures/stored/<form>.json` is the form that today's code writes. `<form>.<word>.json` is a form that only has to be
//! understood: an earlier one, or a poorer one. What today's code makes of it is in a snapshot. `UPDATE_GOLDEN=1` moves a file
//! that differs to `<form>.before-<n>.json` and writes the new one.

mod facts;
mod stores;
mod values;

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::{ConversationId, Job, TurnId},
    json,
    queue::DeadLetter,
    settings::environment,
    whatsapp::inbound::Tag,
};

use crate::support::project;

/// Every form, by the name of its file.
const FORMS: [&str; 15] = [
    "awaited-answer",
    "dead-letter-of-job",
    "dead-letter-of-record",
    "dead-letter-of-reply",
    "dynamo-item",
    "embedded-record",
    "ids",
    "job-deferred",
    "job-inject",
    "job-message",
    "job-notify",
    "job-prefer",
    "job-resend",
    "job-undelivered",
    "uploaded-file",
];

fn path(file: &str) -> PathBuf {
    project("tests/fixtures/stored").join(file)
}

fn kept(file: &str) -> Value {
    let text = fs::read_to_string(path(file)).unwrap_or_else(|_| panic!("{} is missing", path(file).display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The files of a form that only have to be understood.
fn other_files(form: &str) -> Vec<String> {
    let prefix = format!("{form}.");
    let names = files().into_iter().filter(|file| file.strip_prefix(&prefix).is_some_and(|rest| rest != "json"));
    names.collect()
}

fn files() -> BTreeSet<String> {
    let files = fs::read_dir(path("")).expect("golden files");
    files.map(|file| file.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

/// Fails unless today's code writes the golden file of `form` and understands it and the older ones.
///
/// `again` reads a form with today's code and writes it again, or says what cannot be read.
async fn check(form: &str, today: Value, again: impl AsyncFn(Value) -> Result<Value, String>) {
    assert!(FORMS.contains(&form), "{form} is not in FORMS");
    let file = format!("{form}.json");
    if environment().any(|(name, _)| name == "UPDATE_GOLDEN") {
        update(form, &today);
    }
    let golden = kept(&file);
    let changes = changes(&golden, &today);
    assert!(
        changes.is_empty(),
        "tests/fixtures/stored/{file} is a stored form, and today's code writes another one:\n{changes}\n\
         Queues and stores hold the old form for weeks, or forever. If the change is deliberate, keep the old file under \
         another name ({form}.<word>.json) and add the new one: UPDATE_GOLDEN=1 does both. Delete the old file only if no \
         release has ever written it."
    );
    let understood = again(golden.clone()).await.unwrap_or_else(|why| panic!("{file} cannot be read any more: {why}"));
    let lost = self::changes(&golden, &understood);
    assert!(lost.is_empty(), "{file} is read, but not all of it is understood:\n{lost}");
    for file in other_files(form) {
        let understood = again(kept(&file)).await;
        let understood = understood.unwrap_or_else(|why| panic!("{file} cannot be read any more: {why}"));
        insta::assert_json_snapshot!(format!("understood@{file}"), understood);
    }
}

/// Keeps the golden file under another name if it differs, and writes the new one.
fn update(form: &str, today: &Value) {
    let (file, current) = (format!("{form}.json"), files());
    if current.contains(&file) {
        if kept(&file) == *today {
            return;
        }
        let old = format!("{form}.before-{}.json", other_files(form).len() + 1);
        assert!(!current.contains(&old), "{old} is there already");
        fs::rename(path(&file), path(&old)).expect("renamed");
    }
    fs::write(path(&file), format!("{today:#}\n")).expect("written");
}

/// The lines in which two forms differ: with `-` those of the golden file, with `+` today's.
fn changes(golden: &Value, today: &Value) -> String {
    if golden == today {
        return String::new();
    }
    let lines = |value: &Value| {
        format!("{value:#}").lines().map(|line| line.trim_end_matches(',').to_owned()).collect::<Vec<_>>()
    };
    let (golden, today) = (lines(golden), lines(today));
    let only = |sign: char, ours: &[String], theirs: &[String]| {
        let only = ours.iter().filter(|line| !theirs.contains(line));
        only.fold(String::new(), |all, line| all + &format!("{sign} {}\n", line.trim()))
    };
    only('-', &golden, &today) + &only('+', &today, &golden)
}

/// A form that is JSON of one of our types.
async fn check_json<T: Serialize + DeserializeOwned>(form: &str, value: &T) {
    let written =
        |value: &T| -> Value { serde_json::from_str(&json::ascii(value).expect("it can be written")).expect("JSON") };
    check(form, written(value), async |golden| {
        serde_json::from_str::<T>(&golden.to_string()).map(|read| written(&read)).map_err(|error| error.to_string())
    })
    .await;
}

#[tokio::test]
async fn jobs_in_the_queue_are_understood() {
    for (form, task) in values::tasks() {
        check_json::<Job>(form, &values::job(task)).await;
    }
}

#[tokio::test]
async fn dead_letters_are_understood() {
    for (form, letter) in values::dead_letters() {
        check_json::<DeadLetter>(form, &letter).await;
    }
}

/// They are in stores, in queues and with Meta: under another id a done job would be done once more.
#[tokio::test]
async fn ids_stay_the_same() {
    let id = values::id();
    let turn = TurnId::of(&id.number, "wamid.QUESTION==");
    let (_, undelivered) = values::tasks().remove(2);
    let today = json!({
        "conversation": { "number": id.number, "user": id.user },
        "key of the conversation": id.key(),
        "group of the conversation": id.group(),
        "turn of wamid.QUESTION==": turn,
        "job that was redriven twice": values::job(undelivered).own_id(),
        "dead letters": values::dead_letters().into_iter().map(|(_, letter)| letter.id()).collect::<Vec<_>>(),
        "tag of a reply": Tag { reply: values::reply_id(), user: id.user.clone() }.to_string(),
    });
    check("ids", today, async |golden| {
        let text = |name: &str| golden[name].as_str().ok_or_else(|| format!("{name} is not a text"));
        let tag = Tag::parse(text("tag of a reply")?).ok_or("the tag is not one of ours")?;
        let id: ConversationId =
            serde_json::from_value(golden["conversation"].clone()).map_err(|why| why.to_string())?;
        let turn: TurnId = text("turn of wamid.QUESTION==")?.parse().map_err(|why| format!("{why}"))?;
        let mut again = golden.clone();
        again["tag of a reply"] = json!(tag.to_string());
        again["key of the conversation"] = json!(id.key());
        again["turn of wamid.QUESTION=="] = json!(turn);
        Ok(again)
    })
    .await;
}

#[test]
fn every_golden_file_is_of_a_form() {
    for file in files() {
        let form = file.strip_suffix(".json").and_then(|name| name.split('.').next());
        assert!(form.is_some_and(|form| FORMS.contains(&form)), "tests/fixtures/stored/{file} is read by no test");
    }
}

#[test]
fn a_changed_form_is_noticed_line_by_line() {
    let golden = json!({ "id": "a", "task": { "words": "hello", "tries": 1 } });
    let today = json!({ "id": "a", "task": { "text": "hello", "tries": 1 } });
    assert_eq!(changes(&golden, &today), "- \"words\": \"hello\"\n+ \"text\": \"hello\"\n");
    assert_eq!(changes(&golden, &golden.clone()), "");
}
