//! Agents on AWS: each kind has an address of its own in the place of a URL.

/// An agent on AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentOnAws {
    /// A Lambda function.
    Function {
        /// Its name or ARN, with the version or alias if one is meant.
        name: String,
        /// The region that the ARN names; `None`: ours.
        region: Option<String>,
    },
    /// A runtime of Amazon Bedrock `AgentCore`.
    Runtime {
        /// Its ARN.
        arn: String,
        /// The region in it.
        region: String,
        /// The endpoint of the runtime; `None`: its `DEFAULT`.
        qualifier: Option<String>,
    },
    /// A bot of Amazon Lex V2.
    Bot {
        /// Its id.
        id: String,
        /// The id of its alias.
        alias: String,
    },
}

impl AgentOnAws {
    /// What people call its service.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Function { .. } => "Lambda",
            Self::Runtime { .. } => "AgentCore",
            Self::Bot { .. } => "Lex",
        }
    }

    /// `name`, `name:alias`, or an ARN.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    #[must_use]
    pub fn function(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let (name, region) = match parts.as_slice() {
            ["arn", partition, "lambda", region, account, "function", name @ ..]
                if is_place(partition, region, account) =>
            {
                (name, Some((*region).to_owned()))
            }
            name => (name, None),
        };
        let is_name = match name {
            [name] => is_word(name, 64),
            [name, qualifier] => is_word(name, 64) && (*qualifier == "$LATEST" || is_word(qualifier, 128)),
            _ => false,
        };
        is_name.then(|| Self::Function { name: text.to_owned(), region })
    }

    /// An ARN, with `?qualifier=…` behind it if an endpoint is meant.
    /// <https://docs.aws.amazon.com/bedrock-agentcore/latest/APIReference/API_InvokeAgentRuntime.html>
    #[must_use]
    pub fn runtime(text: &str) -> Option<Self> {
        let (arn, qualifier) = match text.split_once("?qualifier=") {
            Some((arn, qualifier)) => (arn, Some(qualifier)),
            None => (text, None),
        };
        let region = match arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "bedrock-agentcore", region, account, runtime]
                if is_place(partition, region, account)
                    && runtime.strip_prefix("runtime/").is_some_and(|id| is_word(id, 100)) =>
            {
                (*region).to_owned()
            }
            _ => return None,
        };
        qualifier.is_none_or(|qualifier| is_word(qualifier, 48)).then(|| Self::Runtime {
            arn: arn.to_owned(),
            region,
            qualifier: qualifier.map(str::to_owned),
        })
    }

    /// `botId/aliasId`.
    /// <https://docs.aws.amazon.com/lexv2/latest/APIReference/API_runtime_RecognizeText.html>
    #[must_use]
    pub fn bot(text: &str) -> Option<Self> {
        let is_id = |id: &str| id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (id, alias) = text.split_once('/')?;
        (is_id(id) && is_id(alias)).then(|| Self::Bot { id: id.to_owned(), alias: alias.to_owned() })
    }
}

fn is_place(partition: &str, region: &str, account: &str) -> bool {
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let in_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    partition.starts_with("aws") && !region.is_empty() && region.bytes().all(in_region) && is_account
}

fn is_word(text: &str, most: usize) -> bool {
    let in_words = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=most).contains(&text.len()) && text.bytes().all(in_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNTIME: &str = "arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/my_agent-AbCdEf1234";

    #[test]
    fn a_function_is_a_name_or_an_arn_with_or_without_an_alias() {
        let region = |text: &str| match AgentOnAws::function(text) {
            Some(AgentOnAws::Function { name, region }) if name == text => region,
            other => panic!("{text}: {other:?}"),
        };
        for name in ["agent", "my-agent:prod", "a_b:$LATEST"] {
            assert_eq!(region(name), None);
        }
        for name in ["agent", "agent:prod", "agent:$LATEST"] {
            let arn = format!("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:{name}");
            assert_eq!(region(&arn).as_deref(), Some("us-gov-west-1"));
        }
        for wrong in [
            "",
            "https://host/agent",
            "a b",
            "a:b:c",
            "arn:aws:lambda:eu-central-1:123456789012:function:",
            "arn:aws:sqs:eu-central-1:123456789012:queue",
            "arn:aws:lambda:eu-central-1:12:function:agent",
        ] {
            assert_eq!(AgentOnAws::function(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_runtime_is_an_arn_with_or_without_a_qualifier() {
        for (text, expected) in [(RUNTIME.to_owned(), None), (format!("{RUNTIME}?qualifier=prod"), Some("prod"))] {
            let (arn, region) = (RUNTIME.to_owned(), "eu-central-1".to_owned());
            let expected = AgentOnAws::Runtime { arn, region, qualifier: expected.map(str::to_owned) };
            assert_eq!(AgentOnAws::runtime(&text), Some(expected));
        }
        for wrong in
            ["my_agent", &format!("{RUNTIME}?prod"), &format!("{RUNTIME}/runtime-endpoint/prod"), "https://host/"]
        {
            assert_eq!(AgentOnAws::runtime(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bot_is_its_id_and_that_of_its_alias() {
        let expected = AgentOnAws::Bot { id: "ABCDE12345".into(), alias: "TSTALIASID".into() };
        assert_eq!(AgentOnAws::bot("ABCDE12345/TSTALIASID"), Some(expected));
        for wrong in ["ABCDE12345", "ABCDE12345/", "MyBot/live", "ABCDE12345/TSTALIASID/x"] {
            assert_eq!(AgentOnAws::bot(wrong), None, "{wrong}");
        }
    }
}
