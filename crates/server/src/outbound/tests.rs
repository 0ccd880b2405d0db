use super::*;

#[test]
fn addresses_around_the_server_are_not_public_in_whatever_form() {
    for private in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:c0a8:101::",
        "fec0::1",
        "100::1",
        "3fff::1",
    ] {
        assert!(!is_public(private.parse().unwrap()), "{private}");
    }
    for public in [
        "1.1.1.1",
        "9.9.9.9",
        "100.63.0.1",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.169.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00::1",
        "64:ff9b::101:101",
        "2002:101:101::",
        "::ffff:1.1.1.1",
    ] {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
}

#[tokio::test]
async fn what_leads_inside_is_refused_however_it_is_written_and_before_it_is_called() {
    let inside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let outbound = Outbound::new(&[]).unwrap();
    for host in
        ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]"]
    {
        for scheme in ["http", "https"] {
            let refused = outbound.get(&format!("{scheme}://{host}:{port}/"), 10).await;
            assert!(matches!(refused, Err(OutboundError::Refused(_))), "{scheme} {host}: {refused:?}");
        }
    }
    for other in ["file:///etc/passwd", "ftp://1.1.1.1/", "gopher://1.1.1.1/", "//1.1.1.1/", "", "http://"] {
        assert!(matches!(outbound.get(other, 10).await, Err(OutboundError::Url(_))), "{other}");
    }
    let plain = outbound.get("http://1.1.1.1/", 10).await;
    assert!(matches!(plain, Err(OutboundError::Refused(_))), "plain http to a public address: {plain:?}");
    let called = futures_util::FutureExt::now_or_never(inside.accept());
    assert!(called.is_none(), "nobody was called");
}

/// A server that answers each request with these bytes, and says what it was asked.
async fn answering(answer: String) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (asked, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 4096];
            let read = stream.read(&mut buffer).await.unwrap_or_default();
            let _ = asked.send(String::from_utf8_lossy(&buffer[..read]).into_owned());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, requests)
}

fn of_loopback() -> Outbound {
    Outbound::new(&["127.0.0.1/32".parse().unwrap()]).unwrap()
}

#[tokio::test]
async fn a_listed_address_is_called_and_its_answer_is_read_up_to_the_limit() {
    let (url, _) = answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned()).await;
    assert_eq!(of_loopback().get(&url, 5).await.unwrap(), b"hello");
    assert_eq!(of_loopback().get(&url, 4).await, Err(OutboundError::TooLarge(4)));
    let (url, _) = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    assert_eq!(of_loopback().get(&url, 5).await, Err(OutboundError::Status(StatusCode::NOT_FOUND)));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let (inside, mut asked) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {inside}\r\ncontent-length: 0\r\n\r\n");
    let (url, _) = answering(redirect).await;
    assert_eq!(of_loopback().get(&url, 5).await, Err(OutboundError::Status(StatusCode::FOUND)));
    let posted = of_loopback().post(&url, HeaderMap::new(), Bytes::from_static(b"{}")).await;
    assert_eq!(posted, Ok(StatusCode::FOUND));
    assert!(asked.try_recv().is_err(), "nobody went on to it");
}
