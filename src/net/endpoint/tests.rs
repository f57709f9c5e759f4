use proptest::prelude::*;

use super::*;

#[test]
fn a_url_gives_scheme_host_port_base_and_authority() {
    for (url, scheme, host, port, base, authority) in [
        ("http://localhost:8080", Scheme::Http, "localhost", 8080, "", "localhost:8080"),
        ("http://Bench.Example/", Scheme::Http, "bench.example", 80, "", "bench.example"),
        (
            "https://bench.example:443/v2/",
            Scheme::Https,
            "bench.example",
            443,
            "/v2",
            "bench.example",
        ),
        ("https://bench.example:80", Scheme::Https, "bench.example", 80, "", "bench.example:80"),
        ("wss://a_b.c/app/x", Scheme::Wss, "a_b.c", 443, "/app/x", "a_b.c"),
        ("ws://127.0.0.1:9", Scheme::Ws, "127.0.0.1", 9, "", "127.0.0.1:9"),
        ("HTTP://[::1]:8080/a", Scheme::Http, "::1", 8080, "/a", "[::1]:8080"),
        ("http://[::0001]", Scheme::Http, "::1", 80, "", "[::1]"),
        (" http://h:/ ", Scheme::Http, "h", 80, "", "h"),
    ] {
        let read = Endpoint::from_url(url).unwrap();
        let found = (read.scheme, read.host.as_str(), read.port, read.base.as_str());
        assert_eq!(found, (scheme, host, port, base), "{url}");
        assert_eq!(read.host_header(), authority, "{url}");
        let travelled: Endpoint =
            serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(travelled, read, "{url}");
    }
}

#[test]
fn a_text_that_is_no_url_of_a_server_is_refused_with_what_to_write() {
    for (url, why) in [
        ("", "no scheme"),
        ("localhost:8080", "no scheme"),
        ("ftp://localhost", "http, https, ws or wss"),
        ("http://", "no host"),
        ("http://:80", "no host"),
        ("http:///path", "no host"),
        ("http://host:0", "1 to 65535"),
        ("http://host:65536", "1 to 65535"),
        ("http://host:http", "1 to 65535"),
        ("http://host:-1", "1 to 65535"),
        ("http://host:+80", "1 to 65535"),
        ("http://::1", "needs brackets"),
        ("http://[::1", "no ]"),
        ("http://[::1]x", "goes on"),
        ("http://[host]", "other than an IPv6"),
        ("http://[fe80::1%eth0]/", "other than an IPv6"),
        ("http://me:word@host/", "credentials"),
        ("http://host/?a=b", "query"),
        ("http://host/#a", "fragment"),
        ("http://b\u{fc}cher.example", "xn--"),
        ("http://a b/", "no host name has"),
        ("http://host/a b", "%XX"),
    ] {
        let refusal = Endpoint::from_url(url).unwrap_err().to_string();
        assert!(refusal.contains(why), "{url}: {refusal}");
        assert!(!refusal.contains("word") && !refusal.contains("a=b"), "a secret: {refusal}");
    }
}

fn resolved(url: &str, entries: &[&str]) -> Result<Vec<String>, EndpointError> {
    let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    let endpoint = Endpoint::from_url(url).unwrap().resolved(&entries)?;
    Ok(endpoint.addresses.iter().map(ToString::to_string).collect())
}

#[test]
fn entries_of_resolve_stand_in_for_the_name_service() {
    let url = "https://bench.example";
    for (entries, expected, why) in [
        (&["bench.example:443:127.0.0.1"][..], &["127.0.0.1:443"][..], "host and port"),
        (&["BENCH.example:443:127.0.0.1"], &["127.0.0.1:443"], "names have no case"),
        (&["*:443:127.0.0.2"], &["127.0.0.2:443"], "any host"),
        (
            &["bench.example:80:127.0.0.9", "bench.example:443:127.0.0.1,[::1]"],
            &["127.0.0.1:443", "[::1]:443"],
            "the entry of the port, and several addresses",
        ),
        (&["bench.example:443:::1"], &["[::1]:443"], "IPv6 without brackets"),
    ] {
        assert_eq!(resolved(url, entries).unwrap(), expected, "{why}");
    }
    assert_eq!(resolved("http://[::1]:9", &["[::1]:9:127.0.0.1"]).unwrap(), ["127.0.0.1:9"]);
    assert_eq!(resolved("http://127.0.0.3:7", &[]).unwrap(), ["127.0.0.3:7"]);
    for (entry, why) in [
        ("bench.example", "no port"),
        ("bench.example:443", "no address"),
        ("bench.example:x:127.0.0.1", "1 to 65535"),
        ("bench.example:443:", "no IP address"),
        ("bench.example:443:other.example", "no IP address"),
        (":443:127.0.0.1", "no host"),
        ("[::1]", "no port"),
    ] {
        let refusal = resolved(url, &[entry]).unwrap_err().to_string();
        assert!(
            refusal.contains(why) && refusal.contains("host:port:address"),
            "{entry}: {refusal}"
        );
    }
}

#[test]
fn a_name_without_an_address_is_a_dns_failure_with_a_remedy() {
    // RFC 6761 reserves the domain: no name service has addresses in it.
    let refusal = resolved("http://nowhere.invalid:8080", &[]).unwrap_err().to_string();
    assert!(refusal.starts_with("DNS: the host 'nowhere.invalid' has no address"), "{refusal}");
    assert!(refusal.contains("resolve = [\"nowhere.invalid:8080:ADDRESS\"]"), "{refusal}");
}

#[test]
fn what_is_local_is_known_by_its_addresses() {
    let at = |addresses: &[&str]| Endpoint {
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        ..Endpoint::from_url("http://bench.example").unwrap()
    };
    assert!(at(&["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"]).is_local());
    assert!(!at(&["127.0.0.1:1", "192.0.2.1:1"]).is_local());
    assert!(!at(&[]).is_local(), "not known yet");
    assert!(Endpoint { unix: Some("/run/http.sock".into()), ..at(&[]) }.is_local());
}

#[test]
fn requests_are_sent_below_the_path_of_the_url() {
    for (base, path, expected) in [
        ("http://h", "/a?b=c", "/a?b=c"),
        ("http://h/", "/", "/"),
        ("http://h/v1/", "/a", "/v1/a"),
        ("http://h/v1", "a", "/v1/a"),
        ("http://h/v1", "", "/v1/"),
    ] {
        assert_eq!(Endpoint::from_url(base).unwrap().path(path), expected, "{base} {path}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,40}", url in "https?://[ -~]{0,30}") {
        let _ = Endpoint::from_url(&text);
        let _ = Override::read(&text);
        if let Ok(read) = Endpoint::from_url(&url) {
            prop_assert_eq!(Endpoint::from_url(&read.to_string()), Ok(read));
        }
    }
}
