//! `wa dead-letters` and `wa redrive`: lists failed jobs, and tries them again.

use clap::Args;
use whatsapp_endpoint::{
    conversation::TurnId,
    https, json,
    queue::{DeadLetters, Queue},
};

/// The dead letters of a stack.
#[derive(Args)]
pub(crate) struct Letters {
    /// The dead-letter queue (output `DeadLetterQueueUrl` of the stack)
    #[arg(long, env = "DEAD_LETTER_QUEUE_URL")]
    dead_letter_queue_url: String,
}

/// Which jobs to try again.
#[derive(Args)]
pub(crate) struct Redrive {
    #[command(flatten)]
    letters: Letters,
    /// The queue (output `QueueUrl` of the stack)
    #[arg(long, env = "QUEUE_URL")]
    queue_url: String,
    /// Only this turn
    #[arg(long)]
    turn: Option<TurnId>,
}

impl Letters {
    /// Prints one JSON object a line, without the text of messages.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let queue = self.queue().await?;
        for opened in queue.open().await? {
            let mut line = serde_json::to_value(&opened.letter)?;
            // Its words are not for a terminal.
            line.as_object_mut().map(|line| line.remove("job"));
            line["turn"] = opened.letter.job.as_ref().map(|job| job.id.to_string()).into();
            line["record"] = opened.letter.record.as_ref().map(|record| format!("{} bytes", record.len())).into();
            println!("{line}");
            queue.put_back(&opened).await?;
        }
        Ok(())
    }

    async fn queue(&self) -> anyhow::Result<DeadLetters> {
        Ok(DeadLetters::new(sqs().await?, &self.dead_letter_queue_url))
    }
}

impl Redrive {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let letters = self.letters.queue().await?;
        let queue = Queue::new(sqs().await?, &self.queue_url);
        let (mut sent, mut kept) = (0, 0);
        for opened in letters.open().await? {
            match &opened.letter.job {
                Some(job) if self.turn.as_ref().is_none_or(|only| *only == job.id) => {
                    // The whole letter: it tells the worker that the job is no longer given up.
                    queue.put(&json::ascii(&opened.letter)?, &job.conversation.group()).await?;
                    letters.delete(&opened).await?;
                    sent += 1;
                }
                _ => {
                    letters.put_back(&opened).await?;
                    kept += 1;
                }
            }
        }
        println!(
            "{sent} jobs are back in the queue; {kept} letters stay (refused replies and records that are not jobs cannot be tried again)"
        );
        Ok(())
    }
}

/// SQS in the AWS account of the shell: its environment or its profile.
async fn sqs() -> anyhow::Result<aws_sdk_sqs::Client> {
    let client = https::client().map_err(anyhow::Error::from_boxed)?;
    let aws =
        aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(https::ForAws(client)).load().await;
    Ok(aws_sdk_sqs::Client::new(&aws))
}
