use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

use super::*;
use crate::pace::Pacing;

/// Runs `test` with a watched socket and its peer.
fn with_peer<F: Future>(test: impl FnOnce(Tcp, std::net::TcpStream) -> F) -> F::Output {
    with_timer(|_, tcp, peer| test(tcp, peer))
}

/// The same with the timer that the watch minds.
fn with_timer<F: Future>(test: impl FnOnce(Timer, Tcp, std::net::TcpStream) -> F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(async {
        let (timer, drive) = Timer::new(Pacing::Timerfd).unwrap();
        spawn_local(drive);
        let (watch, drive) = Watch::new(timer.clone()).unwrap();
        spawn_local(drive);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (peer, _) = listener.accept().unwrap();
        let tcp = Tcp::of(own, Some(&watch)).unwrap();
        let done =
            tokio::time::timeout(Duration::from_secs(60), test(timer, tcp, peer)).await.unwrap();
        assert!(watch.0.slots.borrow().is_empty(), "a closed socket leaves nothing behind");
        done
    })
}

#[test]
fn what_comes_in_pieces_is_read_and_the_end_behind_it() {
    with_peer(async |mut tcp, mut peer| {
        let mut buffer = [0; 64];
        for round in 0..100_u8 {
            peer.write_all(&[round; 3]).unwrap();
            assert_eq!(tcp.read(&mut buffer).await.unwrap(), 3);
            assert_eq!(buffer[..3], [round; 3]);
        }
        // Bytes and end at once: a short read must not hide the end.
        peer.write_all(b"last").unwrap();
        drop(peer);
        assert_eq!(tcp.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(tcp.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(tcp.read(&mut buffer).await.unwrap(), 0, "an end stays one");
    });
}

#[test]
fn a_full_buffer_is_not_taken_for_the_end_of_what_came() {
    with_peer(async |mut tcp, mut peer| {
        peer.write_all(&[7; 10]).unwrap();
        let mut buffer = [0; 4];
        for expected in [4, 4, 2] {
            assert_eq!(tcp.read(&mut buffer).await.unwrap(), expected);
        }
    });
}

#[test]
fn a_writer_waits_until_the_peer_reads() {
    with_peer(async |mut tcp, mut peer| {
        const SIZE: usize = 32 << 20;
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            (all.len(), all.iter().all(|byte| *byte == 5))
        });
        let bytes = vec![5; SIZE / 2];
        tcp.write_all(&bytes).await.unwrap();
        let (mut at, half) = (0, SIZE / 4);
        while at < bytes.len() {
            let end = bytes.len().min(at + half);
            let slices = [IoSlice::new(&bytes[at..end]), IoSlice::new(&bytes[end..])];
            at += tcp.write_vectored(&slices).await.unwrap();
        }
        tcp.shutdown().await.unwrap();
        assert_eq!(reader.join().unwrap(), (SIZE, true));
    });
}

#[test]
fn a_reset_is_an_error_and_not_an_end() {
    with_peer(async |mut tcp, peer| {
        tcp.write_all(b"unread").await.unwrap();
        // Unread bytes at a close make the kernel reset the connection.
        drop(peer);
        let error = tcp.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn deadlines_pass_while_the_sockets_are_busy_and_while_they_are_not() {
    with_timer(async |timer, tcp, mut peer| {
        let (mut reader, mut writer) = tokio::io::split(tcp);
        let echo = std::thread::spawn(move || {
            let mut bytes = [0; 64];
            let mut echoed = 0_u64;
            while let Ok(read @ 1..) = peer.read(&mut bytes) {
                peer.write_all(&bytes[..read]).unwrap();
                echoed += read as u64;
            }
            echoed
        });
        let busy = async {
            let mut bytes = [0; 64];
            loop {
                writer.write_all(&[1; 3]).await.unwrap();
                assert!(reader.read(&mut bytes).await.unwrap() > 0);
            }
        };
        let sleeps = async {
            for wait_ns in (0..300).map(|number| number * 1_000) {
                let deadline = crate::clock::now() + wait_ns;
                assert!(timer.sleep_until(deadline).await.unwrap() >= deadline);
            }
        };
        tokio::select! { () = sleeps => {}, () = busy => {} }
        for wait_ns in [0, 1_000, 7_000, 9_000, 100_000, 1_000_000] {
            timer.sleep_until(crate::clock::now() + wait_ns).await.unwrap();
        }
        writer.shutdown().await.unwrap();
        drop((reader, writer));
        assert!(echo.join().unwrap() > 0);
    });
}
