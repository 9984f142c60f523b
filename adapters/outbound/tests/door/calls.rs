use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quittance_outbound::{Addresses, Answer, Error, Lookup, Options, Outbound, Post, Resolve, UrlError};

use crate::support::{HANG, Identity, NAME, Rebinding, Server, client, dev};

fn post(url: &str, timeout: Duration) -> Post<'_> {
    let headers = &[("webhook-id", "42")];
    Post { url, content_type: "application/jwt", headers, body: b"a.b.c".to_vec(), timeout }
}

const SOON: Duration = Duration::from_millis(300);
const TIME: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_call_by_https_reaches_the_name_and_only_whoever_can_prove_to_be_it() {
    let identity = Identity::of(NAME);
    let server =
        Server::secured(&identity, |_| vec![b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec()])
            .await;
    let url = format!("https://{NAME}/a?b=c");
    let trusting =
        Outbound::new(Options { roots: vec![identity.authority.clone()], ..dev(server.address) }).unwrap();
    assert_eq!(trusting.get(&url).await, Ok(Answer { status: 200, body: b"hi".to_vec() }));
    assert_eq!(trusting.post(post(&url, TIME)).await, Ok(200));
    let asked = server.asked();
    assert!(asked[0].starts_with("GET /a?b=c HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[1].starts_with("POST /a?b=c HTTP/1.1\r\n"), "{}", asked[1]);
    for line in
        [format!("host: {NAME}\r\n"), "content-type: application/jwt\r\n".into(), "webhook-id: 42\r\n".into()]
    {
        assert!(asked[1].contains(&line), "{line:?} is missing: {}", asked[1]);
    }

    let refused = client(&server).get(&url).await;
    assert!(matches!(refused, Err(Error::Tls { .. })), "an unknown authority: {refused:?}");
    let other = Identity::of("other.example");
    let impostor = Server::secured(&other, |_| vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec()]).await;
    let options = Options { roots: vec![other.authority.clone()], ..dev(impostor.address) };
    let refused = Outbound::new(options).unwrap().post(post(&url, TIME)).await;
    assert!(matches!(refused, Err(Error::Tls { .. })), "another name: {refused:?}");
    assert!(impostor.asked().is_empty(), "an impostor was told something");
}

#[tokio::test]
async fn an_endpoint_that_answers_badly_costs_its_caller_bounded_time_and_memory() {
    let server = Server::plain(|head| {
        let mut parts: Vec<Vec<u8>> = match head.split(' ').nth(1) {
            Some("/silent") => vec![],
            Some("/slow") => vec![b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh".to_vec()],
            Some("/huge") => vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 1 << 20]],
            Some("/head") => {
                vec![b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 1 << 20], b"\r\n\r\n".to_vec()]
            }
            Some("/many") => {
                vec![b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(101), b"\r\n".to_vec()]
            }
            Some("/gone") => return vec![],
            Some("/short") => return vec![b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi".to_vec()],
            Some("/other") => vec![b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()],
            _ => vec![b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".to_vec()],
        };
        parts.push(HANG.to_vec());
        parts
    })
    .await;
    let client = Outbound::new(Options { get_timeout: SOON, ..dev(server.address) }).unwrap();
    for (path, got, posted) in [
        ("/silent", "did not answer within 300 ms", "did not answer within 300 ms"),
        ("/slow", "did not answer within 300 ms", "200"),
        ("/huge", "must be at most 65536 bytes", "200"),
        ("/head", "did not answer in HTTP", "did not answer in HTTP"),
        ("/many", "did not answer in HTTP", "did not answer in HTTP"),
        ("/gone", "did not answer in HTTP", "did not answer in HTTP"),
        ("/short", "did not answer in HTTP", "200"),
        ("/other", "did not answer in HTTP", "did not answer in HTTP"),
        ("/500", "500", "500"),
    ] {
        let url = format!("http://{NAME}{path}");
        let begun = Instant::now();
        let said = client.get(&url).await.map_or_else(|error| error.to_string(), |it| it.status.to_string());
        assert!(said.contains(got), "GET {path}: expected {got:?}, got {said:?}");
        let said = client.post(post(&url, SOON)).await;
        let said = said.map_or_else(|error| error.to_string(), |it| it.to_string());
        assert!(said.contains(posted), "POST {path}: expected {posted:?}, got {said:?}");
        assert!(begun.elapsed() < TIME, "{path} took {:?}", begun.elapsed());
    }
    let refused =
        client.post(Post { headers: &[("a b", "c")], ..post(&format!("http://{NAME}/"), TIME) }).await;
    assert!(matches!(refused, Err(Error::Http { .. })), "a header that is none: {refused:?}");
}

#[tokio::test]
async fn nobody_listens_or_the_name_is_unknown_and_the_caller_hears_which() {
    let server = Server::plain(|_| vec![]).await;
    let (address, client) = (server.address, client(&server));
    drop(server);
    tokio::task::yield_now().await;
    let refused = client.get(&format!("http://{NAME}/")).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("cannot connect to {NAME} ({address}): ")), "{refused}");
    let unknown = Options { resolver: Rebinding::new(&[&[]]), ..Options::default() };
    let refused = Outbound::new(unknown).unwrap().check_url(&format!("https://{NAME}/")).await;
    let said = format!("error resolving hostname: {NAME}: it has no address");
    assert_eq!(refused.map_err(|error| error.to_string()), Err(said));
}

#[tokio::test]
async fn a_name_is_resolved_once_a_connection_and_what_was_judged_is_what_is_called() {
    let (judged, other) = (Server::plain(ok).await, Server::plain(ok).await);
    let resolver = Rebinding::new(&[&[judged.address], &[other.address]]);
    let options = Options { dev: true, resolver: resolver.clone(), ..Options::default() };
    let status = Outbound::new(options).unwrap().post(post(&format!("http://{NAME}/"), TIME)).await;
    assert_eq!((status, resolver.asked()), (Ok(200), 1));
    assert_eq!((judged.connections(), other.connections()), (1, 0));
}

#[tokio::test]
async fn a_dead_address_beside_a_live_one_does_not_stop_a_call() {
    let server = Server::plain(|_| vec![b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()]).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let resolver = Rebinding::new(&[&[dead, server.address]]);
    let options = Options { dev: true, resolver, ..Options::default() };
    assert_eq!(Outbound::new(options).unwrap().post(post(&format!("http://{NAME}/"), TIME)).await, Ok(200));
}

#[tokio::test]
async fn the_port_of_a_table_leads_nowhere_but_on_a_dev_node() {
    let server = Server::plain(|_| vec![]).await;
    let options = Options { dev: false, any_port: true, ..dev(server.address) };
    let refused =
        Outbound::new(options).unwrap().get(&format!("https://{NAME}:{}/", server.address.port())).await;
    assert!(matches!(refused, Err(Error::Url(UrlError::NotGlobal { range: "loopback", .. }))), "{refused:?}");
    let said = refused.unwrap_err().to_string();
    assert!(!said.contains("127.0.0.1"), "a stranger learns where a name leads inside: {said}");
    assert_eq!(server.connections(), 0);
}

/// Names whose servers never answer, as the system's look-up of them: it goes on when nobody waits for it any more.
#[derive(Debug)]
struct Tarpit(SocketAddr);

impl Resolve for Tarpit {
    fn resolve<'a>(&'a self, host: &'a str, _: u16, lookup: Lookup) -> Addresses<'a> {
        if host == NAME {
            return Box::pin(async { Ok(vec![self.0]) });
        }
        tokio::spawn(async {
            std::future::pending::<()>().await;
            drop(lookup);
        });
        Box::pin(std::future::pending())
    }
}

fn in_a_tarpit(server: &Server) -> Outbound {
    let resolver = Arc::new(Tarpit(server.address));
    let options = Options { dev: true, resolver, resolve_timeout: SOON, ..Options::default() };
    Outbound::new(options).expect("a client")
}

fn ok(_: &str) -> Vec<Vec<u8>> {
    vec![b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()]
}

#[tokio::test]
async fn who_has_urls_checked_whose_names_are_never_found_keeps_no_call_from_being_made() {
    let server = Server::plain(ok).await;
    let client = in_a_tarpit(&server);
    let mut checks = tokio::task::JoinSet::new();
    for n in 0..200 {
        let client = client.clone();
        checks.spawn(async move { client.check_url(&format!("https://tarpit-{n}.example/")).await });
    }
    let mut asked = 0;
    for checked in checks.join_all().await {
        let error = checked.unwrap_err();
        asked += usize::from(error.to_string().ends_with("no answer within 300 ms"));
        // Whoever gave a good URL meanwhile is not told that it is bad.
        assert!(matches!(error, Error::Url(UrlError::Resolve { .. }) | Error::Busy { .. }), "{error}");
    }
    assert_eq!(asked, 12, "strangers' share");
    assert_eq!(client.post(post(&format!("http://{NAME}/"), TIME)).await, Ok(200));
}

#[tokio::test]
async fn one_strangers_names_that_are_never_found_take_no_turn_of_another() {
    let server = Server::plain(ok).await;
    let client = in_a_tarpit(&server);
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..200 {
        let client = client.clone();
        calls.spawn(async move { client.post(post(&format!("http://r{n}.evil.example/"), TIME)).await });
    }
    tokio::time::sleep(SOON / 3).await;
    let called = client.post(post(&format!("http://{NAME}/"), TIME)).await;
    assert_eq!(called, Ok(200), "a healthy server is not told, and that counts as its own failure");
    let (mut hung, mut busy) = (0, 0);
    for ended in calls.join_all().await {
        match ended {
            Err(Error::Url(UrlError::Resolve { .. })) => hung += 1,
            Err(Error::Busy { .. }) => busy += 1,
            ended => panic!("{ended:?}"),
        }
    }
    assert_eq!((hung, busy), (4, 196), "what nobody looked up is no failure of its own");
}

#[tokio::test]
async fn pages_that_are_looked_at_take_no_place_of_what_is_posted_and_a_wait_for_a_place_is_no_failure() {
    let server =
        Server::plain(|head| if head.starts_with("GET") { vec![HANG.to_vec()] } else { ok(head) }).await;
    let options = Options { get_timeout: SOON * 4, ..dev(server.address) };
    let client = Outbound::new(options).unwrap();
    let url = format!("http://{NAME}/");
    let mut looks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (client, url) = (client.clone(), url.clone());
        looks.spawn(async move { client.status(&url).await });
    }
    tokio::time::sleep(SOON / 3).await;
    assert_eq!(client.post(post(&url, SOON * 3)).await, Ok(200), "payers keep a merchant from being told");
    assert_eq!(server.connections(), 5, "four pages at a time, and the call");
    let ends = looks.join_all().await;
    let busy = ends.iter().filter(|end| matches!(end, Err(Error::Busy { .. }))).count();
    assert!(busy > 90, "{busy}");
    assert!(
        ends.iter().all(|end| matches!(end, Err(Error::Busy { .. } | Error::TimedOut { .. }))),
        "{ends:?}"
    );
}

#[tokio::test]
async fn the_time_to_answer_begins_when_a_call_does() {
    let server = Server::plain(|head| {
        std::thread::sleep(Duration::from_millis(600));
        ok(head)
    })
    .await;
    let options = Options { max_calls_per_host: 1, ..dev(server.address) };
    let client = Outbound::new(options).unwrap();
    let url = format!("http://{NAME}/");
    let both = tokio::join!(client.post(post(&url, SOON * 3)), client.post(post(&url, SOON * 3)));
    assert_eq!(both, (Ok(200), Ok(200)), "the second waited for the first, and not for the server");
}
