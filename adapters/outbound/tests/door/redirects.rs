use quittance_outbound::{Answer, Error, Options, Outbound, Post};

use crate::support::{Identity, NAME, Server, client, dev};

/// `/n/3` leads to `/n/2`, and so on; `/to/URL` leads to the URL.
fn redirect(head: &str) -> Vec<Vec<u8>> {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let to = match (path.strip_prefix("/n/").map(str::parse::<u32>), path.strip_prefix("/to/")) {
        (Some(Ok(0)), _) => return vec![b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone".to_vec()],
        (Some(Ok(left)), _) => format!("{}", left - 1),
        (_, Some(url)) => url.to_owned(),
        _ => return vec![b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_vec()],
    };
    vec![format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()]
}

#[tokio::test]
async fn a_redirect_within_a_host_is_followed_three_times_and_out_of_it_never() {
    let server = Server::plain(redirect).await;
    let client = client(&server);
    let get = async |path: &str| client.get(&format!("http://{NAME}{path}")).await;
    assert_eq!(get("/n/3").await, Ok(Answer { status: 200, body: b"done".to_vec() }));
    assert_eq!(server.connections(), 4);
    for (path, said) in [
        ("/n/4", "expected at most 3 of them"),
        ("/none", "expected a location header, got none"),
        ("/to/https://evil.example/", "expected the same host, got evil.example"),
        ("/to/http://127.0.0.1/", "expected the same host, got 127.0.0.1"),
        ("/to/http://169.254.169.254/", "expected a name, got the address 169.254.169.254"),
        ("/to///evil.example/", "expected the same host, got evil.example"),
        ("/to/file:///etc/passwd", "url scheme must be http or https"),
        ("/to/http://x@shop.example/", "expected no user name"),
    ] {
        let refused = get(path).await.map_err(|error| error.to_string());
        assert!(refused.as_ref().is_err_and(|error| error.contains(said)), "{path}: {refused:?}");
    }
    let connections = server.connections();
    let url = &format!("http://{NAME}/n/1");
    let timeout = std::time::Duration::from_secs(5);
    let posted = client.post(Post { url, content_type: "a/b", headers: &[], body: vec![], timeout }).await;
    assert_eq!((posted, server.connections()), (Ok(302), connections + 1), "a POST was sent on");
}

#[tokio::test]
async fn a_redirect_does_not_lead_out_of_tls() {
    let identity = Identity::of(NAME);
    let server = Server::secured(&identity, redirect).await;
    let options = Options { roots: vec![identity.authority.clone()], ..dev(server.address) };
    let client = Outbound::new(options).unwrap();
    assert!(client.get(&format!("https://{NAME}/n/1")).await.is_ok());
    let refused = client.get(&format!("https://{NAME}/to/http://{NAME}/")).await;
    let why = "expected https, got http".to_owned();
    assert_eq!(refused, Err(Error::Redirect { host: NAME.to_owned(), why }));
}
