use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use std::net::IpAddr;

use super::*;
use crate::net::{Dialer, LINKS_PER_SOURCE};

#[tokio::test(flavor = "current_thread")]
async fn a_socket_accounts_for_what_it_carried_after_its_mark() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let totals = Rc::new(WireTotals::default());
    let dialer = Dialer::new(listener.local_addr().unwrap(), Rc::clone(&totals));
    let mut socket = dialer.connect(LINKS_PER_SOURCE).await.unwrap();
    let (mut peer, from) = listener.accept().await.unwrap();
    assert_eq!(from.ip(), IpAddr::from([127, 0, 0, 2]));
    let meter = socket.meter();
    assert_eq!(meter.sent_ns(), None);
    socket.write_all(b"before the mark").await.unwrap();
    assert!(meter.sent_ns().unwrap() <= clock::now());
    peer.read_exact(&mut [0; 15]).await.unwrap();
    assert_eq!(meter.first_ns(), None);
    peer.write_all(b"answer").await.unwrap();
    socket.read_exact(&mut [0; 6]).await.unwrap();
    let first = meter.first_ns().unwrap();
    assert!(meter.sent_ns().unwrap() <= first && first <= clock::now());
    meter.arm();
    assert_eq!((meter.sent_ns(), meter.first_ns()), (None, None));
    meter.mark();
    socket.write_all(&[0; 1000]).await.unwrap();
    peer.read_exact(&mut [0; 1000]).await.unwrap();
    drop(socket);
    let Wire { bytes, segments, .. } = totals.total();
    assert_eq!(bytes, 1000 + 52 * segments);
    assert_eq!(totals.connections(), 1);
}
