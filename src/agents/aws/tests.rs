use super::*;

fn refused(service: Service, status: u16, code: &str) -> AwsError {
    let mut response = ::http::Response::builder().status(status);
    if !code.is_empty() {
        response = response.header("x-amzn-errortype", code);
    }
    let response = Response::from(response.body("secret words").expect("a response"));
    refusal(service, "eu-central-1".to_owned(), &response)
}

#[test]
fn a_refusal_names_its_cure() {
    for (service, status, code, cure) in [
        (Service::Lambda, 403, "AccessDeniedException", "needs lambda:InvokeFunction"),
        (Service::AgentCore, 403, "", "needs bedrock-agentcore:InvokeAgentRuntime"),
        (Service::Lex, 403, "x#AccessDeniedException:http://internal", "needs lex:RecognizeText"),
        (Service::Lambda, 404, "ResourceNotFoundException", "finds no function there: check AGENT_URL"),
        (Service::Lex, 404, "ResourceNotFoundException", "region eu-central-1"),
        (Service::Lambda, 429, "TooManyRequestsException", "throttles"),
        (Service::AgentCore, 429, "ThrottlingException", "throttles"),
        (Service::AgentCore, 424, "RuntimeClientError", "failed by itself (RuntimeClientError)"),
        (Service::Lex, 424, "DependencyFailedException", "failed by itself (DependencyFailedException)"),
        (Service::Lambda, 413, "RequestTooLargeException", "larger than what lambda takes"),
        (Service::Lex, 400, "ValidationException", "lex answered HTTP 400 (ValidationException)"),
        (Service::Lambda, 403, "ExpiredTokenException", "lambda answered HTTP 403 (ExpiredTokenException)"),
        (Service::Lambda, 502, "<b>Ann's</b>", "lambda answered HTTP 502 (bAnnsb)"),
    ] {
        let text = refused(service, status, code).to_string();
        assert!(text.contains(cure) && !text.contains("secret"), "{status} {code}: {text}");
    }
}

#[test]
fn only_what_a_rest_can_heal_counts_for_the_circuit_and_only_a_question_too_large_is_given_up() {
    for (status, code, is_down, retry) in [
        (403, "AccessDeniedException", false, Retry::SOON),
        (404, "ResourceNotFoundException", false, Retry::SOON),
        (400, "ValidationException", false, Retry::SOON),
        (413, "RequestTooLargeException", false, Retry::Never),
        (424, "RuntimeClientError", true, Retry::SOON),
        (429, "ThrottlingException", true, Retry::SOON),
        (500, "InternalServerException", true, Retry::SOON),
    ] {
        let error = refused(Service::AgentCore, status, code);
        assert_eq!((error.is_down(), error.retry()), (is_down, retry), "{error}");
    }
}

#[test]
fn a_service_is_found_in_its_region_or_where_the_environment_says() {
    let url = |service, region, endpoint: Option<&str>| {
        let mut aws = Aws::new(
            AgentOnAws::bot("ABCDE12345/TSTALIASID").expect("a bot"),
            crate::https::client().expect("a client"),
            &SdkConfig::builder().build(),
        );
        aws.endpoint = endpoint.map(str::to_owned);
        aws.url(service, region, "/path")
    };
    assert_eq!(url(Service::Lambda, "eu-central-1", None), "https://lambda.eu-central-1.amazonaws.com/path");
    assert_eq!(url(Service::Lex, "us-east-1", None), "https://runtime-v2-lex.us-east-1.amazonaws.com/path");
    assert_eq!(
        url(Service::AgentCore, "cn-north-1", None),
        "https://bedrock-agentcore.cn-north-1.amazonaws.com.cn/path"
    );
    assert_eq!(url(Service::Lambda, "eu-central-1", Some("http://127.0.0.1:1")), "http://127.0.0.1:1/path");
}
