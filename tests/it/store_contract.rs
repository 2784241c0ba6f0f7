//! The contract of a store, on every store there is.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;
use whatsapp_endpoint::{
    conversation::{
        Content, Conversation, ConversationId, Output, Pending, Person, Reply, ReplyId, ReplyState, TurnId, Wamid,
    },
    store::{Claim, Dynamo, Embedded, Hold, LeaseToken, Store, StoreError},
};

use crate::support::parts;

#[tokio::test]
async fn embedded_in_memory_keeps_the_contract() {
    contract(&Embedded::in_memory().expect("a store")).await;
}

#[tokio::test]
async fn embedded_in_a_file_keeps_the_contract_and_what_it_was_told() {
    let path = std::env::temp_dir().join(format!("wa-test-{}.redb", Uuid::now_v7()));
    {
        contract(&Embedded::open(&path).expect("a store")).await;
    }
    let again = Embedded::open(&path).expect("the same file");
    assert!(matches!(claim(&again, "conversation", "one", 9000).await.0, Claim::Done));
    std::fs::remove_file(path).expect("gone");
}

#[tokio::test]
async fn ministack_keeps_the_contract() {
    let aws = parts::aws(parts::ministack().await);
    parts::make_table(&aws, "contract").await;
    contract(&Dynamo::new(&aws, "contract")).await;
}

#[tokio::test]
async fn amazons_dynamodb_local_keeps_the_contract() {
    let aws = parts::aws(parts::dynamodb_local().await);
    parts::make_table(&aws, "contract").await;
    contract(&Dynamo::new(&aws, "contract")).await;
}

fn id(user: &str) -> ConversationId {
    ConversationId { number: "800000000000002".into(), user: user.into() }
}

fn job(name: &str) -> TurnId {
    TurnId::of(&"800000000000002".into(), name)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_796_000_000 + second).expect("in range")
}

/// A claim at `second` whose lease lasts a minute.
async fn claim(store: &dyn Store, user: &str, name: &str, second: i64) -> (Claim, LeaseToken) {
    let lease = LeaseToken { owner: Uuid::now_v7(), until: at(second) + Duration::from_mins(1) };
    let claim =
        store.claim(&id(user), &job(name), &lease, at(second), Some(at(second) + Duration::from_hours(1))).await;
    (claim.expect("a claim"), lease)
}

fn pending(name: &str) -> Pending {
    let reply = |text: &str, state| Reply { state, ..Reply::from(Output::from(Content::Text(text.into()))) };
    let replies = vec![
        reply("out", ReplyState::Sent(Some("wamid.A".into()))),
        reply("é😀 \"next\"", ReplyState::Sending(at(0))),
        reply("last", ReplyState::Planned),
    ];
    Pending {
        turn: job(name),
        message_id: Wamid::default(),
        to: Person { phone: Some("15550100200".into()), ..Person::default() },
        replies,
        dead_letter: None,
        is_notice: false,
        is_apology: false,
    }
}

async fn contract(store: &dyn Store) {
    // A conversation that nobody has seen is fresh and empty, and then in one hand only.
    let (claimed, lease) = claim(store, "conversation", "one", 0).await;
    let Claim::Fresh(mut conversation) = claimed else { panic!("not fresh: {claimed:?}") };
    assert_eq!(conversation, Conversation::default());
    for name in ["one", "two"] {
        let busy = claim(store, "conversation", name, 59).await.0;
        assert!(matches!(busy, Claim::Busy(until) if until == at(60)), "{busy:?}");
    }
    assert!(
        matches!(claim(store, "somebody else", "one", 0).await.0, Claim::Fresh(_)),
        "conversations do not wait for each other"
    );

    // The holder may ask again: its first answer may have been lost.
    let again = store.claim(&id("conversation"), &job("one"), &lease, at(1), None).await.expect("a claim");
    assert!(matches!(again, Claim::Fresh(_)), "{again:?}");

    // What is saved is what the next claim finds: replies on their way come first.
    conversation.meet(&Person { name: Some("Ada".into()), ..Person::default() });
    conversation.open_window(Some(at(0)), at(0));
    conversation.open_session(at(0), None);
    conversation.done.mark(&job("one"), at(0));
    conversation.outbox = Some(pending("one"));
    store.save(&id("conversation"), &lease, &conversation, Hold::Keep).await.expect("saved");
    assert!(matches!(claim(store, "conversation", "one", 2).await.0, Claim::Busy(_)), "saved and kept");
    store.save(&id("conversation"), &lease, &conversation, Hold::Release).await.expect("saved");
    for name in ["one", "two"] {
        let (claimed, lease) = claim(store, "conversation", name, 3).await;
        assert!(matches!(&claimed, Claim::Resume(found) if *found == conversation), "{claimed:?}");
        store.save(&id("conversation"), &lease, &conversation, Hold::Release).await.expect("given back");
    }

    // A status settles a reply in doubt without a lease, for the holder to find; every other news changes nothing.
    let (_, lease) = claim(store, "conversation", "one", 4).await;
    for (place, in_doubt) in [(0, false), (1, true), (2, false), (3, false)] {
        let reply = ReplyId::of(&job("one"), place);
        assert_eq!(store.settle(&id("conversation"), &reply).await.expect("told"), in_doubt, "reply {place}");
        assert!(!store.settle(&id("nobody"), &reply).await.expect("told"));
    }
    let again = store.claim(&id("conversation"), &job("one"), &lease, at(5), None).await.expect("a claim");
    let settled = [ReplyId::of(&job("one"), 1)].into();
    assert!(matches!(&again, Claim::Resume(found) if found.settled == settled), "{again:?}");
    store.save(&id("conversation"), &lease, &conversation, Hold::Release).await.expect("given back");
    conversation.settled = settled;

    // A worker that died frees the conversation when its lease ends, and cannot write any more.
    let (claimed, dead) = claim(store, "conversation", "two", 10).await;
    assert!(matches!(claimed, Claim::Resume(_)));
    let (claimed, lease) = claim(store, "conversation", "two", 70).await;
    assert!(matches!(claimed, Claim::Resume(_)), "{claimed:?}");
    let lost = store.save(&id("conversation"), &dead, &Conversation::default(), Hold::Release).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)), "{lost:?}");
    assert!(matches!(claim(store, "conversation", "two", 71).await.0, Claim::Busy(_)), "a lost lease releases nothing");

    // A job whose replies are all out is done, for everybody and at any time, also while the conversation is in use.
    conversation.outbox = None;
    conversation.settled.clear();
    store.save(&id("conversation"), &lease, &conversation, Hold::Keep).await.expect("saved");
    assert!(matches!(claim(store, "conversation", "one", 72).await.0, Claim::Done));
    store.save(&id("conversation"), &lease, &conversation, Hold::Release).await.expect("saved");
    assert!(matches!(claim(store, "conversation", "one", 8 * 24 * 3600).await.0, Claim::Done), "for eight days");
    let (claimed, lease) = claim(store, "conversation", "two", 8 * 24 * 3600).await;
    assert!(matches!(&claimed, Claim::Fresh(found) if *found == conversation), "{claimed:?}");
    store.save(&id("conversation"), &lease, &conversation, Hold::Release).await.expect("given back");

    // To look takes nothing; what was only claimed was not kept.
    assert_eq!(store.read(&id("conversation")).await.expect("read").as_ref(), Some(&conversation));
    assert_eq!(store.read(&id("somebody else")).await.expect("read"), None);

    // A fact lasts as long as it was said to.
    for (second, value) in [(10, "first"), (20, "second")] {
        store.remember("8#file#a", value, Some(at(second))).await.expect("kept");
    }
    for (key, second, expected) in [("8#file#a", 19, Some("second")), ("8#file#a", 20, None), ("8#file#b", 0, None)] {
        assert_eq!(store.recall(key, at(second)).await.expect("read").as_deref(), expected, "{key} at {second}");
    }

    // One without an end lasts.
    store.remember("8#preferences#a", "kept", None).await.expect("kept");
    assert_eq!(store.recall("8#preferences#a", at(4_000_000_000)).await.expect("read").as_deref(), Some("kept"));

    // Of many claims at the same time one wins.
    let claims = futures_util::future::join_all(
        (0..8).map(|index| async move { claim(store, "race", &format!("job {index}"), 0).await.0 }),
    )
    .await;
    assert_eq!(claims.iter().filter(|claim| matches!(claim, Claim::Fresh(_))).count(), 1, "{claims:?}");
}
