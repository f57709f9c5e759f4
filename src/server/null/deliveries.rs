//! Deliveries of the null target: every event encoded once and written straight to its subscribers' sockets.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::Shard;
use crate::clock;
use crate::event::{Head, encode, topic_name};
use crate::measure::{Counter, Metric};
use crate::net::websocket::Header;
use crate::server::publisher::{BURST, PublishPlan};

/// Bytes that may wait for a subscriber's socket; further frames are dropped, and the ledger counts them as lost.
const BACKLOG_MAX: usize = 4 << 20;
/// Bytes that are read from a subscriber at once, and forgotten.
const SCRATCH: usize = 1 << 10;

/// The subscribers of one shard, by topic.
#[derive(Debug)]
pub(super) struct Subscribers {
    names: Vec<String>,
    by_topic: RefCell<Vec<Vec<Rc<Subscriber>>>>,
}

impl Subscribers {
    /// An empty list of subscribers for each topic.
    pub(super) fn new(topics: u64) -> Self {
        let names: Vec<String> = (0..topics).map(topic_name).collect();
        Self { by_topic: RefCell::new(names.iter().map(|_| Vec::new()).collect()), names }
    }

    /// The topic of `/topics/{topic}/ws?…`.
    pub(super) fn topic(&self, path: &str) -> Option<usize> {
        let (name, rest) = path.strip_prefix("/topics/")?.split_once('/')?;
        if rest.split('?').next() != Some("ws") {
            return None;
        }
        // Workers subscribe in order of the topics' numbers, a few thousand times in all.
        self.names.iter().position(|known| known == name)
    }

    /// Serves `socket`, which has been upgraded, until its client ends it.
    pub(super) async fn serve(&self, topic: usize, socket: TcpStream) {
        let subscriber = Rc::new(Subscriber { socket, backlog: RefCell::default() });
        self.by_topic.borrow_mut()[topic].push(Rc::clone(&subscriber));
        // An error ends the link like its end does; nobody needs the error.
        let _ = subscriber.read_to_end().await;
        self.by_topic.borrow_mut()[topic].retain(|other| !Rc::ptr_eq(other, &subscriber));
    }
}

#[derive(Debug)]
struct Subscriber {
    socket: TcpStream,
    /// Bytes that the kernel has not taken yet; a task flushes them.
    backlog: RefCell<Vec<u8>>,
}

impl Subscriber {
    /// Writes a frame, or as much as the kernel takes, and the rest when it takes more.
    fn write(self: &Rc<Self>, frame: &[u8]) {
        let mut backlog = self.backlog.borrow_mut();
        if !backlog.is_empty() {
            if backlog.len() < BACKLOG_MAX {
                backlog.extend_from_slice(frame);
            }
            return;
        }
        let written = match self.socket.try_write(frame) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            // Whoever reads the socket meets the same end.
            Err(_) => return,
        };
        if written < frame.len() {
            backlog.extend_from_slice(&frame[written..]);
            spawn_local(Rc::clone(self).flush());
        }
    }

    async fn flush(self: Rc<Self>) {
        while self.socket.writable().await.is_ok() {
            let mut backlog = self.backlog.borrow_mut();
            match self.socket.try_write(&backlog) {
                Ok(written) => drop(backlog.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
            if backlog.is_empty() {
                return;
            }
        }
    }

    /// Reads and discards the client's data.
    async fn read_to_end(&self) -> io::Result<()> {
        loop {
            self.socket.readable().await?;
            match self.socket.try_read(&mut [0; SCRATCH]) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }
}

/// Writes every event of a publish plan to this shard's subscribers when it is due.
///
/// There is nothing between the shards: each encodes an event for itself, and the one whose turn the topic is
/// counts it.
pub(super) async fn publish(shard: Rc<Shard>, publish_plan: Arc<PublishPlan>) {
    let PublishPlan { schedule, payload, at_ns, window } = &*publish_plan;
    let (mut text, mut frame) = (Vec::new(), Vec::new());
    let mut on_end = 0;
    for publication in schedule.publications(0, 1) {
        let due_ns = at_ns + publication.offset_ns;
        if clock::now() < due_ns {
            // The timer fails only with its descriptor, at the end of the shard.
            let _ = shard.timer.sleep_until(due_ns).await;
            on_end = 0;
        }
        on_end += 1;
        if on_end >= BURST {
            on_end = 0;
            tokio::task::yield_now().await;
        }
        let topic = publication.topic as usize;
        let published_ns = clock::now();
        let head = Head { seq: publication.seq, due_ns, published_ns, key: None };
        fill(&mut frame, &mut text, &shard.subscribers.names[topic], head, payload);
        for subscriber in &shard.subscribers.by_topic.borrow()[topic] {
            subscriber.write(&frame);
        }
        let mine = publication.topic % shard.of == shard.index as u64;
        if mine && window.contains(&publication.offset_ns) {
            let mut recorder = shard.recorder.borrow_mut();
            recorder.count(Counter::Published, 1);
            recorder.record(Metric::PublishSlip, published_ns.saturating_sub(due_ns));
        }
    }
}

/// Makes `frame` the frame of an event, with `text` as its payload.
fn fill(frame: &mut Vec<u8>, text: &mut Vec<u8>, topic: &str, head: Head, data: &[u8]) {
    text.clear();
    encode(text, topic, head, data);
    frame.clear();
    frame.extend_from_slice(Header::text(text.len()).as_bytes());
    frame.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_found_by_the_path_of_its_web_socket_only() {
        let subscribers = Subscribers::new(12);
        for (path, topic) in [
            ("/topics/news-0/ws?since=0", Some(0)),
            ("/topics/news-11/ws", Some(11)),
            ("/topics/news-12/ws", None),
            ("/topics/news-1/stream", None),
            ("/topics/news-1", None),
            ("/items/1", None),
        ] {
            assert_eq!(subscribers.topic(path), topic, "{path}");
        }
    }
}
