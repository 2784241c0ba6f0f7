//! The rights of the function's role: enough for every call that is made with it, and for nothing else.

use std::process::Command;

use crate::support::{
    parts::{self, REGION, tool},
    project,
    stack::run,
};

/// `rights.py` has the calls. The MiniStack that all stories share enforces nothing, so this story has one of its own.
#[tokio::test]
async fn the_role_may_make_the_calls_of_the_function_and_no_others() {
    let port = parts::free_port().to_string();
    let address = format!("http://127.0.0.1:{port}");
    let python = tool("ministack-1.5.33/bin/python");
    let mut server = Command::new(&python);
    server.args(["-m", "ministack"]).env_clear().envs([
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/tmp"),
        ("BIND_HOST", "127.0.0.1"),
        ("AUTH", "true"),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", address.as_str()),
        ("GATEWAY_PORT", port.as_str()),
    ]);
    parts::end_with_us(&server);
    parts::ready(&format!("{address}/_ministack/health"), "MiniStack that enforces IAM").await;
    let mut calls = Command::new(python);
    calls.arg(project("tests/it/rights.py")).arg(port);
    println!("{}", run(calls));
}
