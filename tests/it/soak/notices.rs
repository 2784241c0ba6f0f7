//! Another system that writes to people in between; some of them have opted out.

use aws_sdk_sqs::types::QueueAttributeName;
use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    LEFT, Soak,
    function::{Ended, Function},
    tally::Written,
};
use crate::support::project;

/// Whether this person begins with a STOP.
pub fn opts_out(person: usize) -> bool {
    person % 10 == 9
}

/// What has become of the notices.
#[derive(Debug, Default)]
pub struct Notices {
    count: usize,
    /// Those that were accepted for people who had opted out: each becomes a dead letter.
    pub refused_later: usize,
    /// Those that may have been accepted before.
    pub uncertain: usize,
}

impl Soak {
    /// Notifies a few people of those who have written.
    pub async fn notify_some(&self, door: &mut Function, dice: &mut Rng, written: &mut Written, notices: &mut Notices) {
        for _ in 0..self.notices {
            let person = dice.usize(..self.people);
            let phone = format!("1555{person:07}");
            if !written.contains_key(&phone) {
                continue;
            }
            notices.count += 1;
            let text = format!("notice {}", notices.count);
            let (answer, tries) = self.notify(door, &phone, &text).await;
            match (answer["statusCode"].as_u64(), opts_out(person)) {
                (Some(202), true) => notices.refused_later += 1,
                (Some(202), false) => written.entry(phone).or_default().push(text),
                (Some(409), true) => notices.uncertain += usize::from(tries > 1),
                // The first message of the person is not done yet.
                (Some(409), false) if answer["body"].as_str().is_some_and(|body| body.contains("window_closed")) => {
                    continue;
                }
                other => panic!("a notice is answered with {other:?}: {answer}"),
            }
            if answer["statusCode"] == 202 {
                self.count(|tally| tally.notices += 1);
            }
        }
    }

    /// Calls until it is answered, always by the same name; returns the answer and how many tries it took.
    async fn notify(&self, door: &mut Function, phone: &str, text: &str) -> (Value, usize) {
        let sample = std::fs::read_to_string(project("events/status-failed.json")).expect("a sample");
        let mut event: Value = serde_json::from_str(&sample).expect("JSON");
        (event["rawPath"], event["requestContext"]["http"]["path"]) = (json!("/notify"), json!("/notify"));
        event["headers"]["x-api-key"] = json!("development-api-key");
        event["headers"]["idempotency-key"] = json!(text);
        event["body"] = json!(json!({ "userId": format!("+{phone}"), "text": text }).to_string());
        for tries in 1.. {
            match door.invoke(&event, LEFT, None).await {
                Ended::Answered(answer) if answer["statusCode"] == 503 => {}
                Ended::Answered(answer) => return (answer, tries),
                Ended::Killed | Ended::Overdue => {}
                Ended::Failed(error) => panic!("a notice is not taken: {error}\n{}", self.outside.log()),
            }
        }
        unreachable!("it goes on until it is answered")
    }

    /// How many records a queue holds.
    pub async fn held_in(&self, queue: &str) -> usize {
        let counters = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.sqs.get_queue_attributes().queue_url(queue).set_attribute_names(Some(counters.into()));
        let counters = request.send().await.expect("counted").attributes.unwrap_or_default();
        assert_eq!(counters.len(), 2, "{counters:?}");
        counters.values().map(|count| count.parse::<usize>().expect("a number")).sum()
    }
}
