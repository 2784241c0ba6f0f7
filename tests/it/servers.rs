//! Servers of models and of agents that nobody here wrote, each through the whole turn: what they say is not what we think they say.

use crate::support::{
    deployed::{Deployed, echo},
    endpoint::{ADA, Endpoint},
    servers::{LITELLM_KEY, litellm, llmock, strands},
};

#[tokio::test]
async fn litellm_answers_in_chat_completions_and_in_responses() {
    let url = litellm().await;
    for (path, model, said, then) in [
        ("", "plain", "Hello *Ada*, this is LiteLLM.", "Hello *Ada*, this is LiteLLM."),
        ("", "passed-on", "Hello! You said: tea", "Hello! You said: tea Hello! You said: tea milk"),
        // There llmock repeats only what is new: it remembers no responses.
        ("/responses", "passed-on", "Hello! You said: tea", "Hello! You said: milk"),
    ] {
        let url = format!("{url}{path}");
        let settings = [("AGENT_PROTOCOL", "openai"), ("AGENT_URL", url.as_str()), ("AGENT_MODEL", model)];
        let endpoint = Endpoint::start_with_secret(&[("agent_token", LITELLM_KEY)], &settings).await;
        assert_eq!(endpoint.say("tea").await, [said], "{path} {model}");
        assert_eq!(endpoint.say("milk").await, [then], "{path} {model}");
    }
}

#[tokio::test]
async fn a_model_that_litellm_does_not_have_is_a_refusal_of_the_question() {
    let settings = [("AGENT_PROTOCOL", "openai"), ("AGENT_URL", litellm().await), ("AGENT_MODEL", "no-such-model")];
    let deployed = Deployed::start_with(&[("agent_token", LITELLM_KEY)], &settings, echo).await;
    deployed.hear(&[(ADA, "hello")]).await;
    deployed.drain().await;
    let reasons = deployed.reasons();
    assert!(reasons.len() == 1 && reasons[0].contains("400"), "{reasons:?}");
    assert!(!reasons[0].contains("no-such-model"), "its words may be a person's: {reasons:?}");
}

#[tokio::test]
async fn llmock_answers_in_chat_completions_and_in_responses() {
    let url = llmock(100_000).await;
    for (path, then) in
        [("", "Hello! You said: tea Hello! You said: tea milk"), ("/responses", "Hello! You said: milk")]
    {
        let url = format!("{url}{path}");
        let settings = [("AGENT_PROTOCOL", "openai"), ("AGENT_URL", url.as_str()), ("AGENT_MODEL", "gpt-4o")];
        let endpoint = Endpoint::start(&settings).await;
        assert_eq!(endpoint.say("tea").await, ["Hello! You said: tea"], "{path}");
        assert_eq!(endpoint.say("milk").await, [then], "{path}");
    }
}

#[tokio::test]
async fn a_question_that_is_too_long_for_llmock_by_itself_is_refused_with_its_code() {
    let url = llmock(50).await;
    let settings = [("AGENT_PROTOCOL", "openai"), ("AGENT_URL", url.as_str()), ("AGENT_MODEL", "gpt-4o")];
    let deployed = Deployed::start(&settings, echo).await;
    deployed.hear(&[(ADA, &"word ".repeat(100))]).await;
    deployed.drain().await;
    let reasons = deployed.reasons();
    assert!(reasons.len() == 1 && reasons[0].contains("context_length_exceeded"), "{reasons:?}");
}

#[tokio::test]
async fn a_conversation_that_is_too_long_for_llmock_goes_on() {
    let url = llmock(400).await;
    let settings = [("AGENT_PROTOCOL", "openai"), ("AGENT_URL", url.as_str()), ("AGENT_MODEL", "gpt-4o")];
    let endpoint = Endpoint::start(&settings).await;
    let words = "word ".repeat(60);
    for message in 1..=6 {
        let said = endpoint.say(&words).await;
        assert!(said.len() == 1 && said[0].starts_with("Hello! You said: word"), "message {message}: {said:?}");
    }
}

#[tokio::test]
async fn what_strands_streams_is_one_message() {
    let settings = [("AGENT_PROTOCOL", "a2a"), ("AGENT_URL", strands().await)];
    let endpoint = Endpoint::start(&settings).await;
    assert_eq!(endpoint.say("is the **tea** hot?").await, ["Hello! You said: is the *tea* hot?"]);
}
