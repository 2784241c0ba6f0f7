//! What a store or the queue kept: whatever stands there is read or refused, and what was read is written as it was.

#![no_main]

use std::{fmt::Debug, path::Path, time::Duration};

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use redb::{Database, TableDefinition};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;
use whatsapp_endpoint::{
    conversation::{Conversation, ConversationId, Job, Pending, TurnId},
    settings::{TextFormat, TextSettings},
    store::{Claim, Embedded, Hold, LeaseToken, Store, StoreError},
    whatsapp::outbound::{self, Style},
};

/// The table of the embedded store.
const CONVERSATIONS: TableDefinition<'_, &str, &str> = TableDefinition::new("conversations");
const NOW: Timestamp = Timestamp::constant(1_796_040_000, 0);
const HALF_AN_HOUR: Duration = Duration::from_mins(30);

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime");
}

fuzz_target!(|text: &str| {
    if let Ok(job) = serde_json::from_str::<Job>(text) {
        let printed = print(&job);
        let again: Job = serde_json::from_str(&printed).expect("what was written can be read");
        assert_eq!(print(&again), printed);
    }
    if let Ok(mut conversation) = serde_json::from_str::<Conversation>(text) {
        assert_kept(&conversation);
        conversation.open_window(None, NOW);
        conversation.open_session(NOW, Some(HALF_AN_HOUR));
        conversation.done.mark(&TurnId::of(&"8".into(), "wamid"), NOW);
    }
    if let Ok(pending) = serde_json::from_str::<Pending>(text) {
        assert_kept(&pending);
        let outputs = pending.replies.into_iter().map(|reply| reply.output).collect();
        let settings = TextSettings { format: TextFormat::Markdown, merge: false, list_label: "☰".to_owned() };
        let (fitted, choices) =
            outbound::fit(outputs, Style { settings: &settings, to_group: pending.to.group_id.is_some() });
        assert_kept(&choices);
        for output in fitted {
            let _body = outbound::send_body(&pending.to, &output, &pending.message_id, &pending.turn.to_string());
        }
    }
    if text.starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        RUNTIME.with(|runtime| runtime.block_on(claim(text)));
    }
});

/// Fails unless the value is the same after it was written and read.
fn assert_kept<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let again: T = serde_json::from_str(&print(value)).expect("what was written can be read");
    assert_eq!(again, *value);
}

fn print(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it is JSON")
}

/// Claims a conversation whose record in the file of an embedded store is `record`, and keeps what was found.
async fn claim(record: &str) {
    let id = ConversationId { number: "8".into(), user: "1".to_owned() };
    let path = std::env::temp_dir().join(format!("whatsapp-endpoint-fuzz-{}.redb", std::process::id()));
    write(&path, &id.key(), record).expect("a writable temporary folder");
    let store = Embedded::open(&path).expect("the file that was just written");
    let gone = std::fs::remove_file(&path);
    gone.expect("the file is there");
    let lease = LeaseToken { owner: Uuid::now_v7(), until: NOW + HALF_AN_HOUR };
    match store.claim(&id, &TurnId::of(&"8".into(), "wamid"), &lease, NOW, None).await {
        Ok(Claim::Fresh(found) | Claim::Resume(found)) => {
            store.save(&id, &lease, &found, Hold::Release).await.expect("what was read can be written");
            let next = LeaseToken { owner: Uuid::now_v7(), ..lease };
            match store.claim(&id, &TurnId::of(&"8".into(), "another"), &next, NOW, None).await {
                Ok(Claim::Fresh(again) | Claim::Resume(again)) => assert_eq!(again, found, "nothing is lost"),
                Ok(Claim::Done) => assert!(found.outbox.is_none()),
                other => panic!("{other:?}"),
            }
        }
        Ok(Claim::Done | Claim::Busy(_)) | Err(StoreError::Unreadable(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
}

fn write(path: &Path, key: &str, record: &str) -> Result<(), redb::Error> {
    let database = Database::create(path)?;
    let transaction = database.begin_write()?;
    transaction.open_table(CONVERSATIONS)?.insert(key, record)?;
    transaction.commit()?;
    Ok(())
}
