//! The Lambda: settings, parts, serve.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use whatsapp_endpoint::{
    app::App,
    ingress,
    settings::Settings,
    telemetry::{self, Chain, LogFormat, LogLevel},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_env().inspect_err(|error| report(LogLevel::Error, error))?;
    telemetry::init(settings.telemetry.log_level, LogFormat::Json);
    tracing::debug!("start: the settings are read");
    // In boxes: the stack keeps every page that a large future has once used.
    let app = &Box::pin(App::new(settings)).await.inspect_err(|error| report(LogLevel::Error, error))?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let handled = Box::pin(ingress::handle(app, event)).await;
        handled
            .inspect_err(|error| tracing::error!(error = %Chain(error), "an event is not handled"))
            .map_err(Error::from)
    }))
    .await
}

fn report(level: LogLevel, error: &dyn std::error::Error) {
    telemetry::init(level, LogFormat::Json);
    tracing::error!(error = %Chain(error), "the function cannot start");
}
