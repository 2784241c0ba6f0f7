//! The engine: one script in a context of its own. This file and its natives are the only ones that know `QuickJS`.
//!
//! Everything here is synchronous, and no value of the engine leaves: JSON goes in and comes out, and what the script waits for is in its
//! mailbox. So nothing of the engine is held while Rust waits.

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Exception, FromJs, Function, Object, Persistent, Runtime,
    context::EvalOptions,
    function::{Func, IntoArgs},
};

use super::{
    errors::{Limit, Thrown},
    hook::Hook,
    mailbox::{Ending, Mailbox, Wish},
    natives,
};

/// Most memory of a script.
pub(super) const MAX_MEMORY: usize = 16 * 1024 * 1024;
/// Most bytes of its stack.
const MAX_STACK: usize = 256 * 1024;
/// Bytes of this memory that are set aside while a script runs.
const RESERVE_BYTES: usize = 32 * 1024;
/// The global under which Rust finds what the prelude returned. The script can see it and cannot change it.
const PRELUDE: &str = "__transformer";
/// Where errors of the prelude are said to be.
const PRELUDE_FILE: &str = "transformer-functions";
const MAIN: &str = include_str!("prelude/main.js");

/// Why a script did not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// It threw.
    Threw(Thrown),
    /// It was stopped.
    Limit(Limit),
}

/// A script with its globals.
pub(super) struct Sandbox {
    context: Context,
    mailbox: Arc<Mutex<Mailbox>>,
    alarm: Arc<Alarm>,
    /// The time for which this run may still compute.
    left: Duration,
}

thread_local! {
    /// A part of the memory of the script that runs on this thread.
    ///
    /// The engine stops a script by an error that cannot be caught. Without memory for that error there is only one that can be, and
    /// a script that catches it and goes on would never end. So this part is given back before.
    static RESERVE: RefCell<Option<Persistent<rquickjs::String<'static>>>> = const { RefCell::new(None) };
}

/// Sets the reserve aside until it is dropped, for it must not outlive the engine.
struct Reserve;

impl Reserve {
    fn new(ctx: &Ctx<'_>) -> rquickjs::Result<Self> {
        let text = rquickjs::String::from_str(ctx.clone(), &" ".repeat(RESERVE_BYTES))?;
        RESERVE.set(Some(Persistent::save(ctx, text)));
        Ok(Self)
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        RESERVE.take();
    }
}

/// Stops the engine.
#[derive(Default)]
struct Alarm {
    at: Mutex<Option<Instant>>,
    has_rung: AtomicBool,
}

impl Sandbox {
    /// A context with all globals and no script.
    pub(super) fn new(secrets: &str) -> Result<Self, Halt> {
        let runtime = Runtime::new().map_err(|_| Halt::Limit(Limit::Memory))?;
        runtime.set_memory_limit(MAX_MEMORY);
        runtime.set_max_stack_size(MAX_STACK);
        let alarm = Arc::new(Alarm::default());
        let watch = Arc::clone(&alarm);
        runtime.set_interrupt_handler(Some(Box::new(move || {
            let is_over = watch.is_over();
            if is_over {
                RESERVE.take();
            }
            is_over
        })));
        let context = Context::full(&runtime).map_err(|_| Halt::Limit(Limit::Memory))?;
        let mut sandbox = Self { context, mailbox: Arc::default(), alarm, left: Duration::from_secs(1) };
        let mailbox = Arc::clone(&sandbox.mailbox);
        let secrets = secrets.to_owned();
        sandbox.enter(|ctx| {
            let main: Function<'_> = eval(ctx, MAIN, PRELUDE_FILE)?;
            let ours: Object<'_> = main.call((ctx.globals(), host(ctx, &mailbox)?, secrets))?;
            // Not writable, not configurable, not enumerable: what `prop` gives by default.
            ctx.globals().prop(PRELUDE, rquickjs::object::Property::from(ours))
        })?;
        Ok(sandbox)
    }

    /// Begins a run: this long it may compute, and this many requests it may send.
    pub(super) fn begin(&mut self, processor: Duration, max_requests: u32) {
        self.left = processor;
        self.mail().clear(max_requests);
    }

    /// Evaluates the script.
    pub(super) fn load(&mut self, source: &str, file: &str) -> Result<(), Halt> {
        self.enter(|ctx| eval::<rquickjs::Value<'_>>(ctx, source, file).map(drop))
    }

    /// The hooks that the script has registered.
    pub(super) fn registered(&mut self) -> Result<Vec<Hook>, Halt> {
        let names: String = self.call("registered", ())?;
        Ok(Hook::ALL.into_iter().filter(|hook| names.split(',').any(|name| name == hook.name())).collect())
    }

    /// Calls a hook; `false`: there is none.
    pub(super) fn start(&mut self, hook: Hook, arguments: &str) -> Result<bool, Halt> {
        self.call("call", (hook.name(), arguments))
    }

    /// Fulfils a wish, or rejects it with an error `{name, message}`.
    pub(super) fn settle(&mut self, id: u32, answer: &Result<String, String>) -> Result<(), Halt> {
        let (is_right, json) = match answer {
            Ok(json) => (true, json),
            Err(json) => (false, json),
        };
        self.call("settle", (id, is_right, json.as_str()))
    }

    /// Goes on until nothing is left to do but to wait.
    pub(super) fn step(&mut self) -> Result<(), Halt> {
        let alarm = Arc::clone(&self.alarm);
        self.enter(|ctx| {
            while !alarm.is_over() && ctx.execute_pending_job() {}
            Ok(())
        })
    }

    /// What the script waits for.
    pub(super) fn wishes(&self) -> Vec<Wish> {
        self.mail().wishes.drain(..).collect()
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.mail().ending.take()
    }

    pub(super) fn mail(&self) -> MutexGuard<'_, Mailbox> {
        open(&self.mailbox)
    }

    /// Calls a function of the prelude.
    fn call<A: for<'js> IntoArgs<'js>, R: for<'js> FromJs<'js>>(&mut self, name: &str, args: A) -> Result<R, Halt> {
        self.enter(|ctx| {
            let ours: Object<'_> = ctx.globals().get(PRELUDE)?;
            ours.get::<_, Function<'_>>(name)?.call(args)
        })
    }

    /// Lets the engine run, no longer than is left of the time.
    fn enter<R>(&mut self, work: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<R>) -> Result<R, Halt> {
        let started = Instant::now();
        self.alarm.set(started.checked_add(self.left));
        let result = self.context.with(|ctx| {
            let run = || {
                let _reserve = Reserve::new(&ctx)?;
                work(&ctx)
            };
            run().catch(&ctx).map_err(|error| thrown(&ctx, error))
        });
        self.left = self.left.saturating_sub(started.elapsed());
        self.alarm.set(None);
        // Who is late is over, whatever came out of it.
        if self.left.is_zero() || self.alarm.has_rung.load(Ordering::Relaxed) {
            return Err(Halt::Limit(Limit::Processor));
        }
        result.map_err(|thrown| match thrown.limit() {
            Some(limit) => Halt::Limit(limit),
            None => Halt::Threw(thrown),
        })
    }
}

impl Alarm {
    fn set(&self, at: Option<Instant>) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    fn is_over(&self) -> bool {
        let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = at.is_some_and(|at| Instant::now() >= at);
        if is_over {
            self.has_rung.store(true, Ordering::Relaxed);
        }
        is_over
    }
}

fn open(mailbox: &Mutex<Mailbox>) -> MutexGuard<'_, Mailbox> {
    mailbox.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the prelude gets from Rust.
fn host<'js>(ctx: &Ctx<'js>, mailbox: &Arc<Mutex<Mailbox>>) -> rquickjs::Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    let (asked, posted) = (Arc::clone(mailbox), Arc::clone(mailbox));
    let ask = move |kind: String, id: u32, what: String| open(&asked).ask(&kind, id, what);
    let post = move |kind: String, name: String, text: String| open(&posted).post(&kind, &name, text);
    host.set("ask", Func::from(ask))?;
    host.set("post", Func::from(post))?;
    host.set("part", Func::from(part))?;
    host.set("library", Func::from(library))?;
    natives::add_to(&host)?;
    Ok(host)
}

/// A part of the prelude, which is a function.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn part(ctx: Ctx<'_>, name: String) -> rquickjs::Result<Function<'_>> {
    let source = match name.as_str() {
        "bytes" => include_str!("prelude/bytes.js"),
        "crypto" => include_str!("prelude/crypto.js"),
        "guards" => include_str!("prelude/guards.js"),
        "http" => include_str!("prelude/http.js"),
        "response" => include_str!("prelude/response.js"),
        "url" => include_str!("prelude/url.js"),
        _ => return Err(Exception::throw_message(&ctx, "there is no such part")),
    };
    eval(&ctx, source, PRELUDE_FILE)
}

/// A library as a `CommonJS` module sees itself: with a module, its exports and the global object under the names that such files ask for.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn library(ctx: Ctx<'_>, text: String) -> rquickjs::Result<Function<'_>> {
    let names = "const window=module.exports,self=undefined,define=undefined;";
    eval(&ctx, &format!("(function(module,exports,global){{{names}{text}\n;}})"), "library")
}

fn eval<'js, R: FromJs<'js>>(ctx: &Ctx<'js>, source: &str, file: &str) -> rquickjs::Result<R> {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(file.to_owned());
    ctx.eval_with_options(source, options)
}

fn thrown<'js>(ctx: &Ctx<'js>, error: CaughtError<'js>) -> Thrown {
    let value = match error {
        CaughtError::Exception(exception) => exception.into_value(),
        CaughtError::Value(value) => value,
        // No exception, but a conversion that failed: a text of a script that is none.
        CaughtError::Error(_) => return Thrown::default(),
    };
    let describe = || -> rquickjs::Result<String> {
        let ours: Object<'_> = ctx.globals().get(PRELUDE)?;
        ours.get::<_, Function<'_>>("describe")?.call((value.clone(),))
    };
    match describe().catch(ctx) {
        Ok(json) => Thrown::read(&json),
        // The error of an error: that is what happens without memory.
        Err(_) => value.as_exception().map(|exception| Thrown::of(exception.message())).unwrap_or_default(),
    }
}
