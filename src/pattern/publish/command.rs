//! Publishing by lines to a child process, which answers each by a line.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::{JoinHandle, spawn_local};

use super::Publisher;
use super::pipeline::{Answers, Peer, Pipeline};
use crate::clock;
use crate::dialect::model::{Messages, Publishing};
use crate::dialect::template::Template;
use crate::net::websocket::Opcode;
use crate::pattern::Link;
use crate::pattern::conversation::Conversation;
use crate::pattern::dialogue::{Cut, Heard, Item, Outgoing, Pieces};
use crate::pattern::redial::Ended;
use crate::pattern::trace::{self, Kind};
use crate::pattern::voice::Voice;

/// The line of an event, unless the dialect says otherwise.
const LINE: &str = r#"{"topic":{{topic|json}},"n":{{n}},"event":{{event}}}"#;
/// How much of a child's standard error is kept, from its end, in bytes.
const LAST_WORDS: usize = 2048;
/// Longest wait for a child's end after that of its output, and for the rest of its standard error.
const FAREWELL: Duration = Duration::from_secs(1);
/// Room for a read, in bytes.
const READ: usize = 4 << 10;

/// Publishes each event when it is due.
pub(super) async fn run(mut publisher: Publisher<'_>, publishing: &Publishing, connections: u64) {
    let link = publisher.link;
    let own = LINE.parse();
    let send = match (&publishing.send, &own) {
        (Some(send), _) => send,
        (None, Ok(own)) => own,
        (None, Err(error)) => return link.cannot_stand(error),
    };
    let begun_ns = clock::now();
    let mut child = match Program::start(&mut publisher.voice, &publishing.command) {
        Ok(child) => child,
        Err(ended) => return link.cannot_stand(&ended),
    };
    link.ready(begun_ns);
    let answers = Answers::new(publishing, Messages::default(), true);
    let limit = publishing.timeout.std();
    let pipeline = Pipeline::new(publisher, answers, send, limit, connections);
    let mut pipeline = pipeline.keeping_order();
    match pipeline.run(&mut child).await {
        Ok(()) => {
            child.leave().await;
            link.finish();
        }
        // What became of the rest does not matter: the trial fails.
        Err(ended) => {
            pipeline.broke(&ended);
            link.cannot_stand(&ended);
        }
    }
}

/// A running program. Dropping it kills it, and whatever it started.
#[derive(Debug)]
struct Program {
    /// As it was started: for messages.
    name: String,
    conversation: Rc<Conversation>,
    child: Child,
    group: Option<Pid>,
    stdout: ChildStdout,
    unread: BytesMut,
    lines: Pieces,
    outgoing: Rc<Outgoing>,
    writing: JoinHandle<io::Result<()>>,
    last_words: Rc<RefCell<VecDeque<u8>>>,
    listening: JoinHandle<()>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.writing.abort();
        self.listening.abort();
        if let Some(group) = self.group {
            // None is left of most.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Program {
    /// Starts `words`, the program and its arguments.
    fn start(voice: &mut Voice, words: &[Template]) -> Result<Self, Ended> {
        let rendered = words.iter().map(|word| voice.render(word, None));
        let rendered = rendered.collect::<Result<Vec<_>, _>>()?;
        let mut rendered = rendered.iter().map(|word| String::from_utf8_lossy(word).into_owned());
        // Arguments may hold secrets.
        let name = words.first().map_or_else(String::new, |word| word.source().to_owned());
        let failed = |why: &dyn std::fmt::Display| {
            Ended::Command(format!(
                "the command '{name}' of target.publish cannot be started: {why}"
            ))
        };
        let program = rendered.next().ok_or_else(|| failed(&"it is empty"))?;
        let mut command = Command::new(program);
        command.args(rendered).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[expect(unsafe_code, reason = "the child must ask the kernel for its death signal itself")]
        // SAFETY: between fork and exec, the closure makes one system call, and neither allocates nor locks.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed(&"it has no pipes"));
        };
        let group = child.id().and_then(|id| Pid::from_raw(id as i32));
        let outgoing = Outgoing::new();
        let line = |item: &mut Item, bytes: &mut BytesMut| {
            bytes.extend_from_slice(&item.payload);
            bytes.extend_from_slice(b"\n");
        };
        let writing = spawn_local(Rc::clone(&outgoing).write(stdin, None, line));
        let last_words = Rc::default();
        let listening = spawn_local(listen(stderr, Rc::clone(&last_words)));
        let (unread, lines) = (BytesMut::new(), Pieces::new(Cut::between(b"\n"), true));
        Ok(Self {
            name,
            conversation: voice.conversation(),
            child,
            group,
            stdout,
            unread,
            lines,
            outgoing,
            writing,
            last_words,
            listening,
        })
    }

    /// How it ended, with what it said last.
    async fn ended(&mut self) -> Ended {
        let status = tokio::time::timeout(FAREWELL, self.child.wait()).await;
        let end = match status {
            Ok(Ok(status)) => said(status),
            Ok(Err(error)) => format!("ended ({error})"),
            Err(_) => "closed its output".to_owned(),
        };
        // Whatever it started may hold the pipe.
        let silence = async {
            while !self.listening.is_finished() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, silence).await;
        let words: Vec<u8> = self.last_words.borrow().iter().copied().collect();
        let words = String::from_utf8_lossy(&words);
        let words = self.conversation.redact(&words);
        let name = &self.name;
        Ended::Command(match words.trim() {
            "" => {
                format!("the command '{name}' of target.publish {end}; its standard error is empty")
            }
            words => format!(
                "the command '{name}' of target.publish {end}; the last lines of its standard error:\n{words}"
            ),
        })
    }

    /// Closes its input, and waits for its end; then it is killed.
    async fn leave(mut self) {
        self.writing.abort();
        let _ = tokio::time::timeout(FAREWELL, self.child.wait()).await;
    }
}

fn said(status: ExitStatus) -> String {
    // "exit status: 3", "signal: 9 (SIGKILL)"
    format!("ended ({status})")
}

/// Keeps the end of what is said on standard error.
async fn listen(mut stderr: ChildStderr, words: Rc<RefCell<VecDeque<u8>>>) {
    let mut piece = [0; LAST_WORDS];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        let mut words = words.borrow_mut();
        words.extend(&piece[..read]);
        let surplus = words.len().saturating_sub(LAST_WORDS);
        words.drain(..surplus);
    }
}

impl Peer for Program {
    async fn next(&mut self, _: &Link, _: &mut Voice) -> Result<Heard, Ended> {
        loop {
            if let Some(line) = self.lines.next()? {
                let message = match line.strip_suffix(b"\r") {
                    Some(bare) => line.slice_ref(bare),
                    None => line,
                };
                self.conversation.note(Kind::Received, || trace::shown(&message));
                return Ok(Heard { message, received_ns: clock::now(), answered: false });
            }
            self.unread.reserve(READ);
            // A child that reads no more says why on its other streams.
            if self.stdout.read_buf(&mut self.unread).await.unwrap_or(0) > 0 {
                self.lines.feed(self.unread.split().freeze())?;
            } else if let Some(message) = self.lines.last() {
                return Ok(Heard { message, received_ns: clock::now(), answered: false });
            } else {
                return Err(self.ended().await);
            }
        }
    }

    fn send(&self, message: Vec<u8>, tag: u64) -> Result<(), Ended> {
        if message.contains(&b'\n') {
            return Err(Ended::Command(format!(
                "a message for the command '{}' has several lines, and each line is a message; change target.publish.send",
                self.name
            )));
        }
        self.conversation.note(Kind::Sent, || trace::shown(&message));
        self.outgoing.say(Item { opcode: Opcode::Text, payload: message, tag: Some(tag) })
    }

    fn outgoing(&self) -> Rc<Outgoing> {
        Rc::clone(&self.outgoing)
    }
}
