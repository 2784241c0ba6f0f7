//! One running program, and the Lambda Runtime API it lives under.

use std::{
    fs, io,
    io::Read as _,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};

use crate::wire::Connection;

/// After it, a program that does not answer is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is measured.
#[derive(Clone)]
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// What it is called with.
    pub arguments: Vec<PathBuf>,
    /// Its settings.
    pub env: Vec<(&'static str, String)>,
}

/// The Runtime API: it hands out events and takes answers.
pub struct RuntimeApi {
    address: SocketAddr,
    line: Arc<Mutex<Option<Line>>>,
}

/// The ends of an instance's channels that connections use.
#[derive(Clone)]
struct Line {
    notes: Sender<Note>,
    events: Arc<Mutex<Receiver<String>>>,
}

/// What happens to an instance.
enum Note {
    /// It asks for an event.
    Asks(Instant),
    /// It was given one.
    Given(Instant),
    /// It has answered.
    Answers(Instant, Vec<u8>),
    /// It has reported an error.
    Fails(Vec<u8>),
    /// It has ended, and left this log.
    Ended(String),
}

/// A program that runs; it ends with this value.
pub struct Instance {
    child: Child,
    notes: Receiver<Note>,
    events: Sender<String>,
    log_bytes: Arc<AtomicUsize>,
    /// When it was started.
    pub started: SystemTime,
    /// From its start to its first request for an event.
    pub init: Duration,
}

impl RuntimeApi {
    /// Starts it on a free port, for as long as this process lives.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let api = Self { address: listener.local_addr()?, line: Arc::default() };
        let current = Arc::clone(&api.line);
        thread::spawn(move || {
            for connection in listener.incoming().flatten().map(Connection::new) {
                let line = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                thread::spawn(move || line.map_or(Ok(()), |line| serve(connection?, &line)));
            }
        });
        Ok(api)
    }

    /// Starts a program and waits until it asks for its first event. One at a time.
    pub fn run(&self, program: &Program) -> anyhow::Result<Instance> {
        let (notes, events) = (mpsc::channel(), mpsc::channel());
        let line = Line { notes: notes.0.clone(), events: Arc::new(Mutex::new(events.1)) };
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).env_clear().envs(program.env.iter().map(|(name, value)| (name, value))).envs(
            [
                ("AWS_LAMBDA_RUNTIME_API", self.address.to_string().as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "benchmark"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/benchmark"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "benchmark"),
            ],
        );
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let (started_at, started) = (wall_clock(), Instant::now());
        let child = command.spawn().with_context(|| format!("{} does not start", program.path.display()))?;
        let mut instance = Instance {
            child,
            notes: notes.1,
            events: events.0,
            log_bytes: Arc::default(),
            started: started_at,
            init: Duration::ZERO,
        };
        // As on Lambda, somebody reads the log; here it is shown when a program ends by itself.
        let mut stderr = instance.child.stderr.take().context("stderr is piped")?;
        let log_bytes = Arc::clone(&instance.log_bytes);
        thread::spawn(move || {
            let (mut log, mut chunk) = (Vec::new(), [0; 16 * 1024]);
            while let Ok(count @ 1..) = stderr.read(&mut chunk) {
                log.extend_from_slice(&chunk[..count]);
                log_bytes.fetch_add(count, Ordering::Relaxed);
            }
            notes.0.send(Note::Ended(String::from_utf8_lossy(&log).into_owned()))
        });
        instance.init = match instance.note()? {
            Note::Asks(at) => at - started,
            other => return Err(other.surprise()),
        };
        Ok(instance)
    }
}

impl Instance {
    /// Gives it an event; returns how long the answer took, and the answer.
    pub fn answer(&self, event: &str) -> anyhow::Result<(Duration, String)> {
        self.events.send(event.to_owned())?;
        let given = match self.note()? {
            Note::Given(at) => at,
            other => return Err(other.surprise()),
        };
        let (answered, body) = match self.note()? {
            Note::Answers(at, body) => (at, body),
            other => return Err(other.surprise()),
        };
        match self.note()? {
            Note::Asks(_) => Ok((answered - given, String::from_utf8(body)?)),
            other => Err(other.surprise()),
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it; returns what it has logged.
    pub fn end(mut self) -> anyhow::Result<String> {
        self.child.kill()?;
        match self.note()? {
            Note::Ended(log) => Ok(log),
            other => Err(other.surprise()),
        }
    }

    /// How often the kernel had to give it a page so far, without reading the disk.
    pub fn page_faults(&self) -> anyhow::Result<u32> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name before the bracket may hold spaces; the count is the eighth field behind it.
        let fields = stat.rsplit_once(") ").context("no name in its stat")?.1;
        Ok(fields.split(' ').nth(7).context("no page faults in its stat")?.parse()?)
    }

    /// The most memory it has had so far, in KiB.
    pub fn peak_memory(&self) -> anyhow::Result<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in its status")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// The time it has had on a processor so far, the kernel's on its behalf included.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += schedstat.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// How much it has written into its log so far.
    pub fn log_bytes(&self) -> usize {
        self.log_bytes.load(Ordering::Relaxed)
    }

    fn note(&self) -> anyhow::Result<Note> {
        self.notes.recv_timeout(PATIENCE).context("the program does not answer")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _it_may_be_gone = self.child.kill();
        let _it_is_gone = self.child.wait();
    }
}

impl Note {
    /// What to say when something else was expected.
    fn surprise(self) -> anyhow::Error {
        match self {
            Self::Fails(body) => anyhow::anyhow!("the program reports: {}", String::from_utf8_lossy(&body)),
            Self::Ended(log) => anyhow::anyhow!("the program has ended:\n{log}"),
            Self::Asks(_) | Self::Given(_) | Self::Answers(..) => anyhow::anyhow!("the program is out of step"),
        }
    }
}

/// Answers what comes over one connection until the other side closes it or the instance is over.
fn serve(mut connection: Connection, line: &Line) -> anyhow::Result<()> {
    while let Some(request) = connection.request()? {
        match request.target().rsplit('/').next() {
            Some("next") => {
                line.notes.send(Note::Asks(request.at))?;
                let event = line.events.lock().unwrap_or_else(PoisonError::into_inner).recv()?;
                let headers = format!(
                    "lambda-runtime-aws-request-id: 00000000-0000-4000-8000-000000000000\r\n\
                     lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:benchmark\r\n\
                     lambda-runtime-deadline-ms: {}\r\n",
                    deadline()?
                );
                let given = connection.answer("200 OK", &headers, &event)?;
                line.notes.send(Note::Given(given))?;
            }
            Some("response") => {
                line.notes.send(Note::Answers(request.at, request.body))?;
                connection.answer("202 Accepted", "", r#"{"status":"OK"}"#)?;
            }
            Some("error") => {
                line.notes.send(Note::Fails(request.body))?;
                connection.answer("202 Accepted", "", r#"{"status":"OK"}"#)?;
            }
            _ => bail!("the Runtime API has no {}", request.target()),
        }
    }
    Ok(())
}

/// When an event that is handed out now must be answered, in milliseconds since 1970.
fn deadline() -> io::Result<u128> {
    let now = wall_clock().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    Ok((now + PATIENCE).as_millis())
}

#[expect(clippy::disallowed_methods, reason = "Lambda has a clock")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
