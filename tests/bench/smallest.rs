//! The smallest program on `lambda_http`: what the endpoint is measured against.

use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

/// Answers 200, whatever was asked.
async fn answer(_: Request) -> Result<&'static str, Error> {
    Ok("")
}
