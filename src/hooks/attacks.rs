//! Scripts that try to get away: with the time, the memory, the thread, the next turn.

use serde_json::json;

use super::{tests::*, *};

/// How a hook with this body ends, in a word or two.
async fn ending(body: &str) -> String {
    let hooks = input_hook(body);
    let mut run = hooks.begin("turn".into(), "{}".into(), Vec::new());
    let (ended, _) = run.input(Hook::Input, &json!({}), Duration::from_secs(5), &*nothing_kept()).await;
    match ended {
        Ok(Outcome::Returned(returned)) => format!("returned {}", returned.text.unwrap_or_default()),
        Ok(Outcome::Falsy | Outcome::Absent) => "nothing".to_owned(),
        Err(HookError::Stopped { limit, .. }) => format!("{limit:?}"),
        Err(HookError::Script { why: ScriptError::Threw(thrown), .. }) => thrown.name,
        Err(HookError::Script { why, .. }) => why.to_string(),
    }
}

/// `(body, endings that are right)`; each ends within its second, however much it wants.
async fn end(cases: &[(&str, &str)]) {
    for (body, expected) in cases {
        let started = std::time::Instant::now();
        let ending = ending(body).await;
        assert!(expected.split('|').any(|expected| expected == ending), "{body}: {ending}");
        assert!(started.elapsed() < Duration::from_secs(3), "{body}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn who_catches_the_want_of_memory_for_ever_is_stopped() {
    end(&[
        ("const a = []; for (;;) { try { for (;;) a.push(new Array(1000)); } catch {} }", "Processor"),
        ("const a = []; for (;;) { try { for (;;) a.push({}); } catch {} }", "Processor"),
        ("let l = null; for (;;) { try { for (;;) l = { l }; } catch {} }", "Processor"),
        ("const m = new Map(); for (let i = 0; ;) { try { for (;;) m.set(i++, 1); } catch {} }", "Processor"),
    ])
    .await;
}

#[tokio::test]
async fn one_call_of_a_native_function_cannot_take_minutes() {
    end(&[
        ("return { text: new Array(1e8) + '' };", "RangeError"),
        ("[].concat(new Array(4e9)); return { text: 'x' };", "RangeError"),
        ("Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);", "RangeError"),
        ("('a'.repeat(1e5) + 'b').indexOf('a'.repeat(5e4) + 'b');", "RangeError"),
        ("'\\u0301\\u0316'.repeat(1e6).normalize('NFC');", "RangeError"),
        ("new Uint8Array(1e7).sort();", "Memory"),
        ("Array.prototype.values.call({ length: 2 ** 53 - 1 }).drop(2 ** 52).next();", "Processor"),
        ("Array.prototype.values.call({ length: 2 ** 53 - 1 }).find(Boolean);", "Processor"),
        ("let p = []; for (let i = 0; i < 60; i++) p = [p, p]; p.flat(Infinity);", "Processor"),
        ("BigInt('9'.repeat(3e5));", "RangeError"),
        ("(2n ** 1000000n).toString();", "RangeError"),
        ("return { text: BigInt('123') + 1n + (5n).toString(2) + typeof BigInt(7) };", "returned 124101bigint"),
        ("return { text: [...[1, 2, 3].values().filter((n) => n > 1).map((n) => n * 2)].join() };", "returned 4,6"),
        ("return { text: typeof Atomics + typeof SharedArrayBuffer };", "returned undefinedundefined"),
    ])
    .await;
}

#[tokio::test]
async fn what_is_nested_too_deep_ends_the_run_and_not_the_process() {
    end(&[
        ("let p = {}; for (let i = 0; i < 3e4; i++) p = new Proxy(p, {}); return { text: String('x' in p) };", "Stack"),
        ("let p = () => 1; for (let i = 0; i < 2e4; i++) p = p.bind(); return { text: String(p()) };", "Stack|Memory"),
        ("let p = []; for (let i = 0; i < 1e5; i++) p = [p]; return { text: String(p) };", "Stack"),
        ("let p = []; for (let i = 0; i < 1e5; i++) p = [p]; return { data: { p } };", "Stack"),
        ("JSON.parse('['.repeat(2e5));", "Stack"),
        ("new RegExp('(?:'.repeat(3e4) + ')'.repeat(3e4));", "SyntaxError"),
        ("eval('['.repeat(1e5) + ']'.repeat(1e5));", "Stack"),
    ])
    .await;
}

#[tokio::test]
async fn timers_end_with_the_run_and_are_counted() {
    end(&[
        (
            "for (let n = 0; ; n++) { clearTimeout(setTimeout(() => {}, 60000)); if (n % 900 === 0) await new Promise((r) => setTimeout(r, 0)); }",
            "RangeError",
        ),
        ("setInterval(() => {}, 1); await new Promise((r) => setTimeout(r, 30)); return { text: 'x' };", "returned x"),
        ("setTimeout(() => {}, 60000); return { text: 'x' };", "returned x"),
        ("setTimeout('alert()', 1);", "TypeError"),
        ("let n = 0; const id = setInterval(() => { if (++n === 3) clearInterval(id); }, 1);
          await new Promise((r) => setTimeout(r, 50)); return { text: String(n) };", "returned 3"),
    ])
    .await;
}

#[tokio::test]
async fn what_prints_throws_or_lies_about_itself_is_met_calmly() {
    end(&[
        ("for (let i = 0; i < 5000; i++) console.log('x'.repeat(1000)); return { text: 'x' };", "returned x"),
        (
            "console.log({ toJSON() { throw 1; } }, Symbol('a'), 1n, null, undefined, new Proxy({}, { get() { throw 3; } })); return { text: 'x' };",
            "returned x",
        ),
        ("throw { get name() { for (;;); } };", "Processor"),
        ("throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } });", ""),
        ("return new Proxy({}, { ownKeys() { for (;;); } });", "Processor"),
        ("return { then: (done) => done({ text: 'thenable' }) };", "returned thenable"),
        ("return { then() { throw null; } };", "null"),
        ("return { text: 'a \\ud83d' };", "returned a \u{FFFD}"),
        ("JSON.stringify = () => '7'; JSON.parse = null; globalThis.Promise = null; return { text: 'x' };", "returned x"),
        ("Array.prototype.map = null; Map.prototype.get = null; Object.values = null; return { text: 'x' };", "returned x"),
        ("try { __transformer = 1; delete globalThis.__transformer; } catch {} return { text: typeof __transformer };", "returned object"),
        ("given.response.send('x'.repeat(2e6));", "RangeError"),
        ("given.response.set('a', 'b\\r\\nc: d');", "TypeError"),
        ("given.response.status(999);", "RangeError"),
        ("try { moment(); } catch {} moment();", "NotAvailableError"),
        ("const h = await getSessionStorage('a', 'b'); h.h = h; return { text: 'x' };", "returned x"),
        ("for (let i = 0; i < 20; i++) await getSessionStorage('a', String(i));", "RequestError"),
    ])
    .await;
}

#[tokio::test]
async fn addresses_inside_are_refused_however_they_are_written() {
    for address in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "169.254.169.254",
        "localhost",
        "localhost.",
        "10.1.2.3",
        "[fd00:ec2::254]",
        "user:password@127.0.0.1",
        "127.0.0.1:9001",
    ] {
        let body = format!(
            "try {{ await fetch('http://{address}/'); return {{ text: 'reached' }}; }} catch (error) {{ return {{ text: error.message }}; }}"
        );
        let ending = ending(&body).await;
        let is_refused = ["is not public", "is not allowed", "never called"].iter().any(|why| ending.contains(why));
        assert!(is_refused && !ending.contains("password"), "{address}: {ending}");
    }
    end(&[
        ("await httpRequest({ uri: 'http://a.example/', method: 'GET / HTTP/1.1\\r\\nx: y' });", "RequestError"),
        ("await httpRequest({ uri: 'http://a.example/', body: 'x'.repeat(3e6) });", "RequestError"),
        ("await httpRequest({ uri: { href: { toString() { throw null; } } } });", "RequestError"),
        ("await httpRequest(null);", "RequestError"),
        ("await fetch('gopher://a.example/');", "TypeError"),
    ])
    .await;
}

#[tokio::test]
async fn the_storage_of_a_run_whose_return_is_refused_is_dropped() {
    let hooks = input_hook("(await getSessionStorage('u', 's')).a = 1; return { text: 7 };");
    let own = vec![(StoragePair { user_id: "u".into(), session_id: "s".into() }, Map::new())];
    let mut run = hooks.begin("turn".into(), "{}".into(), own);
    let (ended, _) = run.input(Hook::Input, &json!({}), Duration::from_secs(5), &*nothing_kept()).await;
    assert!(ended.is_err() && run.changed().is_empty());
}

#[tokio::test]
async fn a_script_may_read_secrets_and_begin_requests_before_its_hooks_are_called() {
    let source = "const key = secrets.crm.keys[0].slice(0, 1) + secrets.crm; const token = httpRequest('http://127.0.0.1/').catch(() => 'asked');
        createWebhookTransformer({ handleInput: async () => ({ text: `${key} ${await token}` }) });";
    let hooks = hooks_at(source, "");
    let mut run = hooks.begin("turn".into(), r#"{"crm":{"keys":["k"]}}"#.into(), Vec::new());
    let (ended, _) = run.input(Hook::Input, &json!({}), Duration::from_secs(5), &*nothing_kept()).await;
    assert_eq!(
        ended.expect("a return"),
        Outcome::Returned(Input { text: Some("k[object Object] asked".into()), ..Input::default() })
    );
}

#[tokio::test]
async fn a_server_that_is_silent_costs_no_more_than_the_time_of_the_run() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound").to_string();
    for (options, expected) in [("timeout: 50", "ESOCKETTIMEDOUT"), ("", "it took more than its time")] {
        let source = format!(
            "createWebhookTransformer({{ handleInput: async () => {{
                try {{ await httpRequest({{ uri: 'http://{address}/', {options} }}); }} catch (error) {{ return {{ text: error.message }}; }} }} }});"
        );
        let hooks = hooks_at(&source, &address);
        let mut run = hooks.begin("turn".into(), "{}".into(), Vec::new());
        let started = std::time::Instant::now();
        let (ended, _) = run.input(Hook::Input, &json!({}), Duration::from_millis(400), &*nothing_kept()).await;
        let ended = match ended {
            Ok(outcome) => format!("{outcome:?}"),
            Err(error) => error.to_string(),
        };
        assert!(ended.contains(expected), "{ended}");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}
