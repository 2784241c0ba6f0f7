use std::{collections::BTreeMap, sync::Mutex};

use serde_json::json;

use super::*;

const TIME: Duration = Duration::from_secs(5);

/// The hooks of a script, which may send two requests in a run to these hosts.
pub(super) fn hooks_at(source: &str, hosts: &str) -> Hooks {
    let hosts = hosts.split_terminator(',').map(|host| host.parse().expect("a host")).collect();
    let limits = HookLimits { hosts, requests: 2, ..HookLimits::default() };
    Hooks::of(source.to_owned(), "transformer.js", limits).expect("a script")
}

pub(super) fn nothing_kept() -> Box<Recall<'static>> {
    Box::new(|_| std::future::ready(None).boxed())
}

pub(super) fn input_hook(body: &str) -> Hooks {
    hooks_at(&format!("createWebhookTransformer({{ handleInput: async (given) => {{ {body} }} }});"), "")
}

async fn input(hooks: &Hooks) -> Result<Outcome<Input>, HookError> {
    let mut run = hooks.begin("turn".into(), r#"{"crm":"k"}"#.into(), Vec::new());
    run.input(Hook::Input, &json!({ "request": { "body": { "a": 1 } } }), TIME, &*nothing_kept()).await.0
}

async fn text_of(body: &str) -> String {
    match input(&input_hook(body)).await {
        Ok(Outcome::Returned(Input { text: Some(text), .. })) => text,
        other => panic!("{body}: {other:?}"),
    }
}

#[tokio::test]
async fn a_hook_gets_its_argument_and_its_return_is_read() {
    assert_eq!(text_of("return { text: JSON.stringify(given.request.body) };").await, r#"{"a":1}"#);
    for falsy in ["", "return null;", "return false;", "return 0;", "return '';"] {
        assert!(matches!(input(&input_hook(falsy)).await, Ok(Outcome::Falsy)), "{falsy}");
    }
    let hooks = input_hook("return { data: { a: undefined, b: [1] }, userId: 'u', text: undefined };");
    let Ok(Outcome::Returned(returned)) = input(&hooks).await else { panic!("a return") };
    assert_eq!((returned.user_id.as_deref(), returned.text), (Some("u"), None));
    assert_eq!(returned.data, json!({ "b": [1] }).as_object().cloned());
    assert!(hooks.has(Hook::Input) && !hooks.has(Hook::Output));
    // A plain function, helpers below the call, and the cousins.
    let source =
        "createRestTransformer({ handleInput: ({ request }) => help(request) });\nconst help = () => ({ text: 'x' });";
    assert!(matches!(input(&hooks_at(source, "")).await, Ok(Outcome::Returned(_))));
}

#[tokio::test]
async fn what_transformers_use_is_there() {
    for (body, expected) in [
        ("return { text: crypto.createHash('sha256').update('a').digest('hex').slice(0, 8) };", "ca978112"),
        (
            "return { text: crypto.createHmac('sha1', 'k').update('a').digest('base64') };",
            "JHpGhqJp3JUDXlHRGJ6Yg6LcCpc=",
        ),
        ("return { text: Buffer.from('héllo').toString('base64') };", "aMOpbGxv"),
        ("return { text: new Buffer('aMOpbGxv', 'base64').toString() };", "héllo"),
        ("return { text: btoa('a') + atob('YQ==') };", "YQ==a"),
        ("return { text: new URL('/b?c=1', 'https://a.example/x').searchParams.get('c') };", "1"),
        ("return { text: String(new TextEncoder().encode('é').length) };", "2"),
        ("await new Promise((done) => setTimeout(done, 5)); return { text: 'later' };", "later"),
        ("return { text: secrets.crm };", "k"),
        ("try { secrets.crm = 'x'; } catch {} return { text: secrets.crm };", "k"),
        ("return { text: String(uuid.v4().length) };", "36"),
        (
            "return { text: [typeof process, typeof require, typeof std, typeof Deno].join() };",
            "undefined,undefined,undefined,undefined",
        ),
        (
            "return { text: given.response.status(200).header('a', 'b').send('x') === given.response ? 'chained' : '' };",
            "chained",
        ),
    ] {
        let text = text_of(body).await;
        // The digest is checked by its length where it is not known by heart.
        assert!(text == expected || body.contains("sha1") && text.len() == expected.len(), "{body}: {text}");
    }
}

#[tokio::test]
async fn what_goes_wrong_in_a_script_is_named_without_its_words() {
    for (body, expected) in [
        ("throw new TypeError('secret words');", "it threw TypeError, line 1, column"),
        ("return Promise.reject(null);", "it threw null"),
        ("throw 'secret words';", "it threw string"),
        ("throw { get name() { throw 1; } };", "it threw"),
        ("return 7;", "something else than an object"),
        ("return { text: 7 };", "text is not a text"),
        ("return { data: 'secret words' };", "data is not an object"),
        ("return () => 1;", "function or a symbol"),
        ("const a = {}; a.a = a; return a;", "it threw TypeError"),
        ("return { data: { a: 1n } };", "it threw TypeError"),
        ("return new Promise(() => {});", "waits for a promise that nothing settles"),
        ("return { text: 'x'.repeat(10001) };", "text has more than 10000 characters"),
    ] {
        let error = input(&input_hook(body)).await.expect_err(body);
        let text = error.to_string();
        assert!(text.contains(expected) && !text.contains("secret words"), "{body}: {text}");
    }
}

#[tokio::test]
async fn a_script_that_does_not_stop_is_stopped() {
    for (body, expected) in [
        ("for (;;) {}", Limit::Processor),
        ("for (;;) await null;", Limit::Processor),
        ("try { for (;;) {} } catch { for (;;) {} }", Limit::Processor),
        ("await null; while (true) {}", Limit::Processor),
        ("/^(a+)+$/.test('a'.repeat(40) + 'b');", Limit::Processor),
        ("return { get data() { for (;;) {} } };", Limit::Processor),
        ("const all = []; for (;;) all.push(new Array(1000).fill(7));", Limit::Memory),
        ("const f = () => f() + 1; return { text: String(f()) };", Limit::Stack),
        ("await new Promise((done) => setTimeout(done, 60000)); return {};", Limit::Time),
    ] {
        let hooks = input_hook(body);
        let mut run = hooks.begin("turn".into(), "{}".into(), Vec::new());
        let time = Duration::from_millis(1500);
        let ended = run.input(Hook::Input, &json!({}), time, &*nothing_kept()).await.0;
        let limit = match &ended {
            Err(HookError::Stopped { limit, .. }) => *limit,
            // Where no memory is left for the error either.
            Err(error) if error.to_string().contains("want of memory") => Limit::Memory,
            other => panic!("{body}: {other:?}"),
        };
        assert_eq!(limit, expected, "{body}");
    }
}

#[tokio::test]
async fn the_hooks_of_a_turn_share_a_context_and_those_of_the_next_do_not() {
    let hooks = hooks_at(
        "let count = 0; Object.prototype.leak ??= 0;
         createWebhookTransformer({
            handleInput: async () => { count++; Object.prototype.leak++; return { text: `${count} ${({}).leak}` }; },
            handleOutput: async ({ output }) => `${output.text} ${count}` });",
        "",
    );
    for _ in 0..2 {
        let mut run = hooks.begin("turn".into(), "{}".into(), Vec::new());
        let recall = nothing_kept();
        let (first, _) = run.input(Hook::Input, &json!({}), TIME, &*recall).await;
        assert_eq!(first.expect("a return"), Outcome::Returned(Input { text: Some("1 1".into()), ..Input::default() }));
        let said = run.output(&json!({ "output": { "text": "a" } }), &json!({}), TIME, &*recall).await;
        assert_eq!(said.expect("a return"), Outcome::Returned(OutputReturn::Replaced(json!("a 1"))));
    }
}

#[tokio::test]
async fn storages_are_opened_once_and_kept_if_the_run_ends_well() {
    let pair = |user: &str| StoragePair { user_id: user.into(), session_id: "s".into() };
    let source = "createWebhookTransformer({ handleInput: async ({ request }) => {
        const own = await getSessionStorage('u', 's'); own.count = (own.count ?? 0) + 1; own.deep = { a: [1] }; own.deep.a.push(2);
        const other = await getSessionStorage('API_KEYS', 's'); other.key = `${other.key}+`;
        const same = await getSessionStorage('API_KEYS', 's');
        await getSessionStorage('untouched', 's');
        if (request.fails) throw new Error();
        return { text: String(same === other) }; } });";
    let hooks = hooks_at(source, "");
    let read = Mutex::new(BTreeMap::<String, usize>::new());
    let recall: Box<Recall<'_>> = Box::new(|pair: StoragePair| {
        *read.lock().expect("not poisoned").entry(pair.user_id.clone()).or_default() += 1;
        let found =
            (pair.user_id == "API_KEYS").then(|| json!({ "key": "k" }).as_object().cloned().expect("an object"));
        std::future::ready(found).boxed()
    });
    let own = vec![(pair("u"), json!({ "count": 4 }).as_object().cloned().expect("an object"))];
    let mut run = hooks.begin("turn".into(), "{}".into(), own.clone());
    let (outcome, _) = run.input(Hook::Input, &json!({ "request": {} }), TIME, &*recall).await;
    assert!(matches!(outcome, Ok(Outcome::Returned(Input { text: Some(text), .. })) if text == "true"));
    let changed = run.changed();
    let kept: Vec<_> =
        changed.iter().map(|kept| (kept.pair.clone(), Value::Object(kept.content.clone()), kept.is_own)).collect();
    assert_eq!(
        kept,
        [
            (pair("u"), json!({ "count": 5, "deep": { "a": [1, 2] } }), true),
            (pair("API_KEYS"), json!({ "key": "k+" }), false)
        ]
    );
    assert_eq!(*read.lock().expect("not poisoned"), [("API_KEYS".to_owned(), 1), ("untouched".to_owned(), 1)].into());
    let mut run = hooks.begin("turn".into(), "{}".into(), own);
    let (outcome, _) = run.input(Hook::Input, &json!({ "request": { "fails": true } }), TIME, &*recall).await;
    assert!(outcome.is_err() && run.changed().is_empty(), "what a failed run has changed is dropped");
}

#[tokio::test]
async fn a_response_that_was_sent_is_handed_over() {
    let source = "createWebhookTransformer({ handleNotify: async ({ response }) => {
        response.status(201).set('X-A', 'b').send({ ok: true }); return null; } });";
    let hooks = hooks_at(source, "");
    let mut run = hooks.begin("turn".into(), "{}".into(), Vec::new());
    let (outcome, sent) = run.input(Hook::Notify, &json!({}), TIME, &*nothing_kept()).await;
    assert!(matches!(outcome, Ok(Outcome::Falsy)));
    let sent = sent.expect("a response");
    assert_eq!((sent.status.as_u16(), sent.body.as_slice()), (201, br#"{"ok":true}"#.as_slice()));
    assert!(sent.headers.iter().any(|(name, value)| name == "x-a" && value == "b"), "{sent:?}");
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_fault() {
    let of = |source: &str| Hooks::of(source.to_owned(), "transformer.ts", HookLimits::default());
    for (source, expected) in [
        ("const a: string = 'x';\ncreateWebhookTransformer({ handleInput: () => ({}) });", "wa transform build"),
        ("createWebhookTransformer({ handleInput: (", "not JavaScript"),
        ("createWebhookTransformer({});", "registers no hook"),
        ("", "registers no hook"),
        ("for (;;) {}", "was stopped while it was loaded"),
        ("throw new Error('secret words');", "it threw Error, line 1"),
    ] {
        let text = of(source).expect_err(source).to_string();
        assert!(
            text.contains(expected) && text.contains("transformer.ts") && !text.contains("secret words"),
            "{source}: {text}"
        );
    }
    let missing =
        Hooks::find("nowhere.js", &["/opt".to_owned()], HookLimits::default()).expect_err("missing").to_string();
    assert!(missing.contains("nowhere.js") && missing.contains("/opt"), "{missing}");
}

/// A server that answers each request by its path; returns its address.
#[expect(clippy::disallowed_methods, reason = "it ends with its story")]
async fn server(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let answer = std::sync::Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = std::sync::Arc::clone(&answer);
            tokio::spawn(async move {
                let mut bytes = vec![0; 64 * 1024];
                let count = stream.read(&mut bytes).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&bytes[..count]).into_owned();
                let _sent = stream.write_all(answer(&request).as_bytes()).await;
            });
        }
    });
    address
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

/// Runs `body`, in which `$` is the address of a server; returns its text, or what it threw.
async fn asked(address: &str, hosts: &str, body: &str) -> String {
    let body = body.replace('$', &format!("http://{address}"));
    let source = format!(
        "createWebhookTransformer({{ handleInput: async () => {{ try {{ return {{ text: String(await (async () => {{ {body} }})()) }}; }}
            catch (error) {{ return {{ text: `${{error.name}}: ${{error.message}}` }}; }} }} }});"
    );
    match input(&hooks_at(&source, hosts)).await {
        Ok(Outcome::Returned(Input { text: Some(text), .. })) => text,
        other => panic!("{body}: {other:?}"),
    }
}

#[tokio::test]
async fn a_script_calls_hosts_that_it_may_call_and_reads_their_answers() {
    let address = server(|request| {
        let line = request.lines().next().unwrap_or_default();
        match line.split(' ').nth(1).unwrap_or_default() {
            "/json" => answer("200 OK", "content-type: application/json\r\n", r#"{"a":1}"#),
            "/echo" => answer("200 OK", "", &request.replace("\r\n", "|").to_lowercase()),
            "/no" => answer("404 Not Found", "x-why: a\r\n", "nothing"),
            "/to" => answer("302 Found", "location: /json\r\n", ""),
            "/inside" => answer("302 Found", "location: http://127.0.0.1:9001/\r\n", ""),
            "/loop" => answer("302 Found", "location: /loop\r\n", ""),
            "/large" => answer("200 OK", "", &"x".repeat(1_100_000)),
            _ => String::new(),
        }
    })
    .await;
    for (body, expected) in [
        ("const a = await httpRequest({ uri: '$/json', json: true }); return a.a;", "1"),
        ("return (await fetch('$/json').then((a) => a.json())).a;", "1"),
        ("return (await httpRequest('$/to')).length;", "7"),
        (
            "return (await httpRequest({ uri: '$/echo', method: 'POST', body: { b: 2 }, json: true })).includes('{\"b\":2}');",
            "true",
        ),
        (
            "return (await httpRequest({ uri: '$/echo', form: { b: 'c d' }, method: 'POST' })).split('|').pop();",
            "b=c%20d",
        ),
        ("return (await httpRequest({ uri: '$/echo' })).includes('idempotency-key: turn-handleinput-1');", "true"),
        (
            "return (await httpRequest({ uri: '$/no', simple: false, resolveWithFullResponse: true })).statusCode;",
            "404",
        ),
        ("return (await fetch('$/no')).headers.get('x-why');", "a"),
        ("await httpRequest('$/no');", "StatusCodeError: 404 - \"nothing\""),
        ("await httpRequest('$/loop');", "RequestError: it is redirected too often"),
        ("await httpRequest('$/large');", "RequestError: its answer has more than 1048576 bytes"),
        ("await httpRequest('$/broken');", "RequestError: 127.0.0.1: ECONNRESET: the connection broke"),
        ("await httpRequest('$/inside');", "RequestError: 127.0.0.1: this address is never called for a transformer"),
        (
            "await httpRequest('$/json'); await httpRequest('$/json'); await httpRequest('$/json');",
            "RequestError: more than 2 requests in one run: TRANSFORMER_REQUESTS allows more",
        ),
        (
            "await httpRequest({ uri: '$/json', headers: { a: 'b\\r\\nc: d' } });",
            "RequestError: a header has a character that no header may have",
        ),
    ] {
        assert_eq!(asked(&address, &address, body).await, expected, "{body}");
    }
    for (hosts, expected) in [
        ("", "RequestError: 127.0.0.1: its address is not public: TRANSFORMER_HOSTS can name it"),
        ("crm.example.com", "RequestError: 127.0.0.1: its host is not in TRANSFORMER_HOSTS"),
    ] {
        assert_eq!(asked(&address, hosts, "await httpRequest('$/json');").await, expected);
    }
    let named = asked(&address, "", "await httpRequest('http://localhost:9/');").await;
    assert!(named.contains("its address is not allowed"), "a name is looked up before it is called: {named}");
}
