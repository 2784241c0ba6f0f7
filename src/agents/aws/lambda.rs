//! Another Lambda function, invoked with the plain contract as its event.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::time::Duration;

use super::{Aws, AwsError, Post, Service, encoded};
use crate::agents::{AgentError, Answer, Question, contract};

/// Bytes of an event, and of an answer.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_EVENT: usize = 6 * 1024 * 1024;

/// Invokes the function of this name, in this region.
pub(crate) async fn ask(
    aws: &Aws,
    (name, region): (&str, Option<&str>),
    question: &Question<'_>,
    patience: Duration,
) -> Result<Answer, AgentError> {
    let service = Service::Lambda;
    let body = contract::body(question)?;
    if body.len() > MAX_EVENT {
        return Err(AwsError::TooLarge { service: service.name() }.into());
    }
    let post = Post {
        service,
        region,
        path: format!("/2015-03-31/functions/{}/invocations", encoded(name)),
        headers: &[("x-amz-invocation-type", "RequestResponse")],
        body,
    };
    let reading = aws.post(post, question.now, patience).await?;
    // A function that failed answers 200 as well; its words may be a person's.
    if let Some(fault) = reading.header("x-amz-function-error") {
        return Err(AwsError::Failed(super::name(fault)).into());
    }
    contract::read(&reading.whole().await?)
}
