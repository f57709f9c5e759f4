use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use super::*;
use crate::measure::ErrorKind;

async fn listener(address: [u8; 4]) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::from(address), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn endpoint(addresses: &[SocketAddr], spread: Spread) -> Endpoint {
    let endpoint = Endpoint::from_url("http://bench.example").unwrap();
    Endpoint { addresses: addresses.to_vec(), spread, ..endpoint }
}

fn dialer(endpoint: &Endpoint) -> Dialer {
    Dialer::to(endpoint, tls::HTTP_1, true, Rc::default()).unwrap()
}

/// An address that nobody listens on.
async fn nobody() -> SocketAddr {
    listener([127, 0, 0, 1]).await.1
}

#[tokio::test(flavor = "current_thread")]
async fn links_are_spread_over_all_addresses_or_go_to_the_first_that_accepts() {
    let (one, at_one) = listener([127, 0, 0, 1]).await;
    let (two, at_two) = listener([127, 0, 0, 2]).await;
    let addresses = [nobody().await, at_one, at_two];
    for (spread, expected) in [(Spread::First, [None, None, None, None]), (Spread::All, [None; 4])]
    {
        let dialer = dialer(&endpoint(&addresses, spread));
        let mut reached = expected.map(|_: Option<u8>| 9);
        for link in 0..4 {
            let (dialled, reach) = tokio::join!(biased_accept(&one, &two), dialer.connect(link));
            reached[link as usize] = reach.map_or(0, |_| dialled.unwrap_or(0));
        }
        let expected = match spread {
            Spread::First => [1, 1, 1, 1],
            Spread::All => [0, 1, 2, 0],
        };
        assert_eq!(reached, expected, "{spread:?}");
    }
}

/// Which of two accepts a connection; `None` if none comes.
async fn biased_accept(one: &TcpListener, two: &TcpListener) -> Option<u8> {
    tokio::select! {
        _ = one.accept() => Some(1),
        _ = two.accept() => Some(2),
        () = tokio::time::sleep(std::time::Duration::from_millis(200)) => None,
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_unix_socket_is_dialled_and_its_traffic_is_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let totals = Rc::new(WireTotals::default());
    let there = Endpoint { unix: Some(path), ..Endpoint::from_url("http://localhost/").unwrap() };
    let counting = Dialer::to(&there, tls::HTTP_1, true, Rc::clone(&totals)).unwrap();
    let mut stream = counting.connect(7).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    let meter = stream.meter();
    stream.write_all(b"asked").await.unwrap();
    peer.read_exact(&mut [0; 5]).await.unwrap();
    peer.write_all(b"answered").await.unwrap();
    stream.read_exact(&mut [0; 8]).await.unwrap();
    assert!(meter.sent_ns().unwrap() <= meter.first_ns().unwrap());
    assert!(meter.reads() > 0);
    drop(stream);
    assert_eq!((totals.connections(), totals.total().bytes), (1, 0));

    let gone = Endpoint { unix: Some(folder.path().join("other.sock")), ..there };
    let error = dialer(&gone).connect(0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("other.sock"), "{error}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_without_an_address_is_an_error() {
    let dialer = dialer(&endpoint(&[], Spread::All));
    assert!(dialer.connect(0).await.unwrap_err().to_string().contains("no address"));
}
