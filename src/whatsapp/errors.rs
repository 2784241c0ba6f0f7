//! Meta's error codes: what each class means, whether trying again can help, and what the operator should do.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>
//! Only codes are used; Meta says that titles and HTTP statuses may change.

use std::time::Duration;

use crate::retry::Retry;

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// No one needs to: it is temporary.
    Passing,
    /// The person on the other side.
    User,
    /// The operator, in the secret, the settings, the Meta app or its account.
    Configuration,
    /// The author of the replies.
    Content,
    /// Meta's rules: window, spam, opt-out.
    Policy,
}

impl Class {
    /// Its name in logs and dead letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::User => "user",
            Self::Configuration => "configuration",
            Self::Content => "content",
            Self::Policy => "policy",
        }
    }
}

/// What we say about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// Who can do something about it.
    pub class: Class,
    /// Whether sending the same again can help.
    pub retry: Retry,
    /// What to do, in one sentence.
    pub cure: &'static str,
}

/// The code of a token that is expired or invalid.
pub const TOKEN_REFUSED: i64 = 190;
/// A parameter is wrong; which one, the details say.
pub const PARAMETER_REFUSED: i64 = 100;
/// `appsecret_proof` or the token is missing or wrong, on some endpoints.
pub const PROOF_REFUSED: i64 = 104;
/// A response without a code.
pub const NO_CODE: i64 = 0;
/// With [`PARAMETER_REFUSED`]: there is nothing under this id, or the token may not see it.
const UNKNOWN_OBJECT: i64 = 33;
/// Meta does not accept a value.
pub const VALUE_REFUSED: i64 = 131_009;
/// A test number may write to five numbers only, and this is not one of them.
pub const RECIPIENT_NOT_ALLOWED: i64 = 131_030;
/// A file could not be fetched, or its type is wrong.
pub const MEDIA_REFUSED: i64 = 131_053;
/// More than 24 hours since the person last wrote.
pub const OUTSIDE_WINDOW: i64 = 131_047;
/// The person wants no marketing messages.
pub const OPTED_OUT: i64 = 131_050;
/// Meta does not take free text outside of the window as a utility message: not enabled, blocked, or templates are locked.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages>
pub const NO_DIRECT_SEND: [i64; 4] = [PARAMETER_REFUSED, 139_200, 2_388_318, 2_388_330];

/// What we know about `code`.
#[must_use]
pub fn advise(code: i64) -> Advice {
    let later = |seconds| Retry::After(Duration::from_secs(seconds));
    let (class, retry, cure) = match code {
        NO_CODE => (Class::Passing, Retry::Never, "see the details: Meta gave no code"),
        TOKEN_REFUSED => {
            (Class::Configuration, Retry::Never, "put a valid system user token into access_token of the secret")
        }
        1 | 2 | 131_000 | 131_016 => {
            (Class::Passing, Retry::SOON, "nothing, if it stays rare: Meta had a temporary fault")
        }
        2_500 | 2_635 => {
            (Class::Configuration, Retry::Never, "GRAPH_API_VERSION is not a version that Meta still supports")
        }
        3 | 10 | 131_005 | 200..=299 => (
            Class::Configuration,
            Retry::Never,
            "give the system user the app and the WhatsApp account with whatsapp_business_messaging and whatsapp_business_management",
        ),
        4 | 80_007 => {
            (Class::Passing, later(60), "nothing, if it stays rare: the app's or the account's call limit was reached")
        }
        33 | 131_045 | 133_010 => (
            Class::Configuration,
            Retry::Never,
            "check phone_number_id in the secret and that the number is registered for the Cloud API",
        ),
        PARAMETER_REFUSED | 131_008 | VALUE_REFUSED | 131_051 | 135_000 => {
            (Class::Content, Retry::Never, "see the details: Meta does not accept a value of the reply")
        }
        PROOF_REFUSED => {
            (Class::Configuration, Retry::Never, "app_secret in the secret must belong to the app of access_token")
        }
        368 | 131_031 => {
            (Class::Policy, Retry::Never, "Meta has restricted the account: see the Business Support Home")
        }
        130_429 => (Class::Passing, Retry::SOON, "nothing, if it stays rare: the number's throughput was reached"),
        131_056 => {
            (Class::Passing, later(6), "send fewer and longer replies: one person accepts one message in six seconds")
        }
        131_064 => (
            Class::Policy,
            Retry::Never,
            "Meta limits the account because templates are filed under the wrong category: see WhatsApp Manager",
        ),
        131_057 | 133_004 | 2_494_100 => (Class::Passing, later(60), "nothing: Meta maintains the number"),
        130_403 => (Class::User, Retry::Never, "unblock the person if that was not meant"),
        130_472 | 131_049 | OPTED_OUT => (Class::Policy, Retry::Never, "do not send marketing to this person now"),
        130_497 => (Class::Policy, Retry::Never, "the account may not message people in this country"),
        131_021 => (Class::Configuration, Retry::Never, "the number cannot write to itself"),
        131_026 => (
            Class::User,
            Retry::Never,
            "the person cannot be reached: no WhatsApp, an old client, or terms not accepted",
        ),
        RECIPIENT_NOT_ALLOWED => (
            Class::Configuration,
            Retry::Never,
            "add the person to the recipients of the test number, in the form in which Meta writes the number",
        ),
        131_037 => (Class::Configuration, Retry::Never, "let Meta approve the display name of the number"),
        131_042 => (Class::Configuration, Retry::Never, "add a payment method to the WhatsApp account"),
        OUTSIDE_WINDOW => (
            Class::Policy,
            Retry::Never,
            "more than 24 hours have passed since the person wrote: only a template may be sent",
        ),
        131_048 => (Class::Policy, Retry::Never, "the number's quality is low: people blocked or reported it"),
        131_052 => (Class::User, Retry::Never, "the person's file could not be fetched; ask for it again"),
        MEDIA_REFUSED => {
            (Class::Content, Retry::Never, "the file must be reachable for Meta and of a type that it accepts")
        }
        131_062 => (Class::Content, Retry::Never, "this kind of message needs a phone number, not a BSUID"),
        139_200 | 2_388_318 | 2_388_330 => (
            Class::Policy,
            Retry::Never,
            "Meta does not take this text without a template: set DIRECT_SEND to nothing, and WINDOW_TEMPLATE",
        ),
        132_000..=132_999 => {
            (Class::Content, Retry::Never, "check the template: its name, language, parameters and status")
        }
        _ => (Class::Content, Retry::Never, "look the code up in Meta's list of error codes"),
    };
    Advice { class, retry, cure }
}

/// What we know about a code that a status reports, after all possible retries.
#[must_use]
pub fn advise_later(code: i64) -> Advice {
    let advice = advise(code);
    match advice.retry {
        Retry::Never => advice,
        Retry::After(_) => Advice {
            cure: "the fault is temporary, but sending again did not help, or a newer answer had gone out by then: send it by hand if it matters",
            ..advice
        },
    }
}

/// What we know about a response with this HTTP status, code and subcode.
#[must_use]
pub fn advise_refusal(status: u16, code: i64, subcode: i64) -> Advice {
    let configuration = |cure| Advice { class: Class::Configuration, retry: Retry::SOON, cure };
    match (code, subcode, status) {
        (PARAMETER_REFUSED, UNKNOWN_OBJECT, _) => configuration(
            "phone_number_id in the secret is wrong, or the system user of access_token has no full control of its WhatsApp account",
        ),
        // The set-up is wrong, and not this message: it is retried until someone has fixed the set-up, or for a few minutes.
        (2_500 | 2_635 | 3 | 10 | 33 | 131_005 | 131_045 | 133_010 | 200..=299, ..) => configuration(advise(code).cure),
        (NO_CODE, _, 403) => {
            configuration("something between here and Meta refuses the request: a proxy, a firewall, or GRAPH_BASE_URL")
        }
        (NO_CODE, _, 404 | 405 | 410) => {
            configuration("what answers is not Meta: check GRAPH_BASE_URL and GRAPH_API_VERSION")
        }
        (NO_CODE, _, 408) => Advice {
            class: Class::Passing,
            retry: Retry::SOON,
            cure: "nothing, if it stays rare: the request did not arrive in time",
        },
        (NO_CODE, _, 413) => Advice {
            class: Class::Content,
            retry: Retry::Never,
            cure: "the message is larger than what is between here and Meta allows",
        },
        (NO_CODE, _, 400..=499) => {
            configuration("what answers gives no code of Meta's: check GRAPH_BASE_URL and what is in between")
        }
        _ => advise(code),
    }
}
