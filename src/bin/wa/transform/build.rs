//! `wa transform build`: from a file as it was written to one that the function can run.
//!
//! Types are blanked out, so lines and columns stay. Libraries that the script names are put in front of it, as texts that are evaluated
//! when their name is first read.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use swc_common::{GLOBALS, Globals, SourceMap, errors::Handler, sync::Lrc};
use swc_ts_fast_strip::{ErrorCode, operate};
use whatsapp_endpoint::hooks::{HookLimits, Hooks};

/// What a script may name, the npm package with its version, and the file in it.
const LIBRARIES: [(&str, &str, &str); 3] = [
    ("moment", "moment@2.31.0", "moment/min/moment.min.js"),
    ("_", "lodash@4.18.1", "lodash/lodash.min.js"),
    ("xmljs", "xml-js@1.6.11", "xml-js/dist/xml-js.min.js"),
];

/// A file for the function.
#[derive(Args)]
pub(crate) struct Build {
    /// The script, in TypeScript or JavaScript
    file: PathBuf,
    /// Where to put what is deployed
    #[arg(short, long, default_value = "config/transformer.js")]
    output: PathBuf,
    /// The folder with the npm packages of the libraries that the script names
    #[arg(long, default_value = "node_modules")]
    libraries: PathBuf,
}

impl Build {
    /// Writes the file, if the function can run it.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let (script, name) = read(&self.file)?;
        let mut built = String::new();
        for (global, package, file) in LIBRARIES.iter().filter(|(global, ..)| names(&script, global)) {
            let path = self.libraries.join(file);
            let text = std::fs::read_to_string(&path).with_context(|| {
                format!("{name} names {global}, and {} cannot be read: npm install {package}", path.display())
            })?;
            // On the first line, so that the script keeps its lines.
            built.extend(["__library(", &json!(global).to_string(), ", ", &json!(text).to_string(), ");"]);
        }
        built.push_str(&script);
        Hooks::of(built.clone(), &name, HookLimits::default())?;
        std::fs::write(&self.output, &built).with_context(|| format!("cannot write {}", self.output.display()))?;
        println!("{}: {} bytes", self.output.display(), built.len());
        Ok(())
    }
}

/// Reads a script, as it is named or else in `config`, without its types; also returns its name.
pub(crate) fn read(file: &Path) -> anyhow::Result<(String, String)> {
    let in_config = Path::new("config").join(file);
    let path = if file.is_file() { file } else { &in_config };
    let source = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read, and there is none in config/", file.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((without_types(&source, &name)?, name))
}

/// The script without its types, which are blanks from then on.
fn without_types(source: &str, name: &str) -> anyhow::Result<String> {
    let map = Lrc::<SourceMap>::default();
    let handler = Handler::with_emitter_writer(Box::new(std::io::sink()), None);
    let options = json!({ "mode": "strip-only", "module": false, "filename": name });
    let options = serde_json::from_value(options).context("the options of the eraser")?;
    let erased = GLOBALS.set(&Globals::default(), || operate(&map, &handler, source.to_owned(), options));
    match erased {
        Ok(erased) => Ok(erased.code),
        Err(error) => match error.code {
            ErrorCode::UnsupportedSyntax => {
                bail!("{name}: {}: write it without enum, namespace and parameter properties", error.message)
            }
            _ => bail!("{name} is neither TypeScript nor JavaScript: {}", error.message),
        },
    }
}

/// Whether a script names a global: as a word of its own, and not as a property.
fn names(script: &str, global: &str) -> bool {
    let is_word =
        |sign: Option<char>| sign.is_some_and(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '$' | '.'));
    script.match_indices(global).any(|(at, _)| {
        let after = script[at + global.len()..].chars().next();
        let is_used = matches!(after, Some('.' | '('));
        !is_word(script[..at].chars().next_back()) && is_used
    })
}
