//! `wa transform`: a script is tried out with files alone.

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Value, json};

use crate::support::{parts::tool, project};

/// A folder of files, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, String)]) -> Self {
        let path = std::env::temp_dir().join(format!("wa-transform-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&path).expect("a writable temporary folder");
        for (name, text) in files {
            fs::write(path.join(name), text).expect("written");
        }
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Whether it went well, what it printed, and what it complained about.
fn transform(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wa")).arg("transform").args(arguments).output().expect("started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn printed(arguments: &[&str]) -> Value {
    let (is_ok, printed, why) = transform(&[arguments, &["--json"]].concat());
    assert!(is_ok, "{arguments:?}: {why}");
    serde_json::from_str(&printed).expect("JSON")
}

#[test]
fn a_hook_is_tried_with_an_event_answers_and_a_storage_from_files() {
    let script = "createWebhookTransformer({
        handleInput: async ({ request, response }) => {
            const { body } = request.body.entry[0].changes[0].value.messages[0].text;
            console.warn('seen', body.length);
            const kept = await getSessionStorage('u', 's'); kept.count = (kept.count ?? 0) + 1;
            const crm = await httpRequest({ uri: 'https://crm.example.com/people', qs: { q: 'a' }, json: true });
            response.status(201).send('sent');
            return { text: `${crm.name} ${kept.count}` };
        },
        handleOutput: async ({ output }) => { if (output.text === 'throw') throw new TypeError('words'); return `${output.text}!`; },
    });";
    let answers = json!([
        { "url": "https://other.example.com", "body": "never" },
        { "url": "https://crm.example.com/", "status": 200, "body": { "name": "Ada" } },
    ]);
    let files = Folder::new(&[
        ("t.js", script.to_owned()),
        ("answers.json", answers.to_string()),
        ("storage.json", json!({ "count": 4 }).to_string()),
        ("output.json", json!({ "text": "hi", "data": {} }).to_string()),
        ("throws.json", json!({ "text": "throw", "data": {} }).to_string()),
        ("types.ts", "interface A { b?: string }\nconst a: A = { b: 'x' };\ncreateWebhookTransformer({ handleInput: async (given: any): Promise<A> => ({ text: moment(0).unix() + a.b! }) as A });".to_owned()),
        ("enum.ts", "enum A { B } createWebhookTransformer({ handleInput: () => ({ text: A.B }) });".to_owned()),
    ]);
    let (event, file) = (project("events/text.json").display().to_string(), files.file("t.js"));
    let (answers, storage) = (files.file("answers.json"), files.file("storage.json"));
    let all = printed(&[&event, "--file", &file, "--answers", &answers, "--storage", &storage]);
    assert_eq!((&all["returned"], &all["storage"]), (&json!({ "text": "Ada 5" }), &json!({ "count": 5 })));
    assert_eq!(all["requests"][0]["url"], "https://crm.example.com/people?q=a");
    assert_eq!((&all["response"]["status"], &all["response"]["body"]), (&json!(201), &json!("sent")));
    assert_eq!(all["console"][0]["level"], "warn");
    assert!(all["milliseconds"].as_f64().is_some_and(|time| time > 0.0));
    assert_eq!(printed(&[&files.file("output.json"), "--file", &file])["returned"], "hi!");
    let (is_ok, text, _) = transform(&[&files.file("output.json"), "--file", &file, "--hook", "handleOutput"]);
    assert!(is_ok && text.contains("returned, in"), "{text}");
    for (arguments, expected) in [
        (vec![files.file("throws.json"), "--file".into(), file.clone()], "it threw TypeError, line 10, column"),
        (vec![event.clone(), "--file".into(), files.file("enum.ts")], "enum"),
        (vec![event.clone(), "--file".into(), "nowhere.js".into()], "config"),
        (vec![event, "--file".into(), file, "--answers".into(), files.file("storage.json")], "--answers is not a list"),
    ] {
        let (is_ok, _, why) = transform(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!is_ok && why.contains(expected), "{arguments:?}: {why}");
    }
}

#[test]
fn a_script_with_types_and_libraries_is_built_into_one_that_the_function_can_run() {
    let script = "interface Person { name?: string }\ncreateWebhookTransformer({\n    handleInput: async ({ request }: { request: any }): Promise<object> => {\n        const person = request.body as Person;\n        return { text: `${moment.utc(0).format('YYYY')} ${_.upperFirst(person.name!)} ${xmljs.xml2js('<a b=\"c\"/>', { compact: true }).a._attributes.b}` };\n    },\n});";
    let files =
        Folder::new(&[("t.ts", script.to_owned()), ("body.json", json!({ "name": "ada", "entry": [] }).to_string())]);
    let (source, built) = (files.file("t.ts"), files.file("built.js"));
    let (is_ok, _, why) = transform(&["build", &source, "-o", &built, "--libraries", &files.file("nowhere")]);
    assert!(!is_ok && why.contains("npm install moment@"), "{why}");
    let libraries = tool("transformer-libraries/node_modules").display().to_string();
    let (is_ok, _, why) = transform(&["build", &source, "-o", &built, "--libraries", &libraries]);
    assert!(is_ok, "{why}");
    let text = fs::read_to_string(&built).expect("built");
    assert_eq!(text.lines().count(), script.lines().count(), "lines stay, for the places of errors");
    let all = printed(&[&files.file("body.json"), "--file", &built]);
    assert_eq!(all["returned"]["text"], "1970 Ada c");
}
