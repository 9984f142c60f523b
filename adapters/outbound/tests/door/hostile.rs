//! URLs made to lead inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{TestRng, TestRunner};
use quittance_outbound::{Error, Options, Outbound, Post, UrlError};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::Rebinding;

/// Every range that is refused, written down apart from the guard's own table.
const REFUSED_V4: [(&str, u32); 16] = [
    ("0.0.0.0", 8),
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.88.99.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 4),
    ("240.0.0.0", 4),
    ("255.255.255.255", 32),
];
const REFUSED_V6: [(&str, u32); 17] = [
    ("::", 96),
    ("::ffff:0:0", 96),
    ("64:ff9b::", 96),
    ("64:ff9b:1::", 48),
    ("100::", 64),
    ("2001::", 32),
    ("2001:10::", 28),
    ("2001:20::", 28),
    ("2001:db8::", 32),
    ("2002::", 16),
    ("3fff::", 20),
    ("5f00::", 16),
    ("fc00::", 7),
    ("fe80::", 10),
    ("fec0::", 10),
    ("ff00::", 8),
    ("::1", 128),
];
const GLOBAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14)), 443);

fn refused_v4() -> impl Strategy<Value = Ipv4Addr> {
    (proptest::sample::select(REFUSED_V4.to_vec()), any::<u32>()).prop_map(|((first, bits), inside)| {
        let mask = u32::MAX.checked_shr(bits).unwrap_or(0);
        Ipv4Addr::from_bits(first.parse::<Ipv4Addr>().expect("an address").to_bits() | inside & mask)
    })
}

fn refused_v6() -> impl Strategy<Value = Ipv6Addr> {
    (proptest::sample::select(REFUSED_V6.to_vec()), any::<u128>()).prop_map(|((first, bits), inside)| {
        let mask = u128::MAX.checked_shr(bits).unwrap_or(0);
        Ipv6Addr::from_bits(first.parse::<Ipv6Addr>().expect("an address").to_bits() | inside & mask)
    })
}

/// The ways in which some reader or other takes a text for an address.
const V4_SPELLINGS: usize = 22;
const V6_SPELLINGS: usize = 5;

fn spell_v4(address: Ipv4Addr, how: usize) -> String {
    let [a, b, c, d] = address.octets();
    let whole = address.to_bits();
    let (low24, low16) = (whole & 0xff_ffff, whole & 0xffff);
    let wide = |text: &str| {
        let wide =
            |char: char| char.to_digit(10).map_or(char, |n| char::from_u32(0xff10 + n).unwrap_or(char));
        text.chars().map(wide).collect::<String>()
    };
    match how {
        0 => address.to_string(),
        1 => format!("{address}."),
        2 => whole.to_string(),
        3 => format!("0x{whole:x}"),
        4 => format!("0X{whole:X}"),
        5 => format!("0{whole:o}"),
        6 => format!("{a}.{low24}"),
        7 => format!("{a}.{b}.{low16}"),
        8 => format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        9 => format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        10 => format!("0{a:o}.0x{b:x}.{low16}"),
        11 => format!("0000{a:o}.{b}.{c}.{d}"),
        12 => address.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
        13 => address.to_string().replace('.', "%2e"),
        14 => wide(&address.to_string()),
        15 => address.to_string().replace('.', "\u{3002}"),
        16 => format!("[::ffff:{address}]"),
        17 => format!("[::{address}]"),
        18 => format!("[64:ff9b::{address}]"),
        19 => format!("[2002:{:x}:{:x}::1]", whole >> 16, low16),
        20 => format!("[0:0:0:0:0:FFFF:{:X}:{:X}]", whole >> 16, low16),
        _ => format!("[::ffff:{:x}:{:x}%25lo]", whole >> 16, low16),
    }
}

fn spell_v6(address: Ipv6Addr, how: usize) -> String {
    let whole = address.segments().map(|segment| format!("{segment:04x}")).join(":");
    match how {
        0 => format!("[{address}]"),
        1 => format!("[{whole}]"),
        2 => format!("[{}]", whole.to_uppercase()),
        3 => format!("[{address}%25eth0]"),
        _ => format!("%5b{address}%5d"),
    }
}

/// A client that takes any port, so that it is never the port alone that refuses.
fn client(resolver: &Arc<Rebinding>, dev: bool) -> Outbound {
    let resolver = Arc::clone(resolver);
    Outbound::new(Options { dev, any_port: true, resolver, ..Options::default() }).expect("a client")
}

#[test]
fn every_address_of_a_refused_range_is_refused_in_every_spelling_and_whoever_names_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let resolver = Rebinding::new(&[]);
    let client = client(&resolver, false);
    let verdict = |url: &str, answer: &[SocketAddr]| {
        resolver.answer_with(&[answer]);
        runtime.block_on(client.check_url(url))
    };
    let addresses = (refused_v4(), 0..V4_SPELLINGS, refused_v6(), 0..V6_SPELLINGS, 0..3_usize);
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let ran = TestRunner::new_with_rng(config, rng).run(&addresses, |(v4, how4, v6, how6, place)| {
        for host in [spell_v4(v4, how4), spell_v6(v6, how6)] {
            for url in [format!("https://{host}/"), format!("https://{host}:8443/x?y")] {
                prop_assert!(verdict(&url, &[GLOBAL]).is_err(), "{url} is taken for a name");
            }
        }
        for address in [IpAddr::from(v4), IpAddr::from(v6)] {
            // Alone, before a good one, and behind more good ones than are called.
            let bad = SocketAddr::new(address, 443);
            let answers = [vec![bad], vec![bad, GLOBAL], vec![GLOBAL, GLOBAL, GLOBAL, GLOBAL, GLOBAL, bad]];
            let verdict = verdict("https://shop.example/", &answers[place]);
            let refused =
                matches!(verdict, Err(Error::Url(UrlError::NotGlobal { address: named, .. })) if named == address);
            prop_assert!(refused, "{address}: {verdict:?}");
        }
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        verdict("https://shop.example/", &[GLOBAL]),
        Ok(()),
        "a client that refuses all proves nothing"
    );
}

/// A URL by which somebody tries to reach `port` of this machine.
fn hostile(port: u16) -> impl Strategy<Value = String> {
    let inside = prop_oneof![
        (Just(Ipv4Addr::LOCALHOST), 0..V4_SPELLINGS).prop_map(|(address, how)| spell_v4(address, how)),
        (refused_v4(), 0..V4_SPELLINGS).prop_map(|(address, how)| spell_v4(address, how)),
        (Just(Ipv6Addr::LOCALHOST), 0..V6_SPELLINGS).prop_map(|(address, how)| spell_v6(address, how)),
        (refused_v6(), 0..V6_SPELLINGS).prop_map(|(address, how)| spell_v6(address, how)),
        "localhost\\.?",
        "[a-z]{1,8}\\.localhost",
        // Names, which the resolver first gives a good address and then a bad one.
        "[a-z0-9]{1,12}\\.example",
        "[A-Z]{1,8}\\.(Example|COM|localdomain)",
        "127\\.0\\.0\\.1\\.[a-z]{1,8}\\.example",
    ];
    let scheme = prop_oneof![
        12 => Just("https://"),
        2 => Just("http://"),
        1 => proptest::sample::select(vec![
            "HTTPS://", "https:", "https:/", "https:///", "https:\\\\", "//", "", "ftp://", "gopher://", "file://",
            "unix://", " https://", "https\t://", "http+unix://",
        ]),
    ];
    let before = prop_oneof![
        12 => Just(""),
        1 => proptest::sample::select(vec![
            "shop.example@", "shop.example:443@", "shop.example%40", "shop.example\\@", "shop.example#@",
            "shop.example?@", "shop.example/@", "@", ":@", "shop.example\t", "%00", "\u{200b}",
        ]),
    ];
    let behind = proptest::sample::select(vec![
        "",
        "/",
        "/hook",
        "?a=b",
        "#a",
        "/%2e%2e/",
        "/a\r\nHost: inside",
        "\\",
        "@shop.example/",
        "#@shop.example/",
        "/\0",
    ]);
    let ports = proptest::sample::select(vec![format!(":{port}"), format!(":0{port}"), String::new()]);
    (scheme, before, inside, ports, behind)
        .prop_map(|(scheme, before, inside, port, behind)| format!("{scheme}{before}{inside}{port}{behind}"))
}

/// How many of so many hostile URLs are taken, and how often somebody on this machine is then connected to.
async fn attack(urls: usize, dev: bool) -> (usize, usize) {
    let v4 = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = v4.local_addr().expect("its address").port();
    let mut listeners = vec![v4];
    listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await);
    let connections = Arc::new(AtomicUsize::new(0));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let connections = Arc::clone(&connections);
        accepting.spawn(async move {
            while listener.accept().await.is_ok() {
                connections.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let resolver = Rebinding::new(&[]);
    let client = client(&resolver, dev);
    let (good, bad) = (SocketAddr::new(GLOBAL.ip(), port), SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    let bad_v6 = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port);
    let (hostile, mut runner) = (hostile(port), TestRunner::deterministic());
    let mut taken = 0;
    for nth in 0..urls {
        let url = hostile.new_tree(&mut runner).expect("a URL").current();
        resolver.answer_with(&[&[good]]);
        taken += usize::from(client.check_url(&url).await.is_ok());
        let later: &[SocketAddr] = match nth % 4 {
            // A dev node would call the good one too.
            _ if dev => &[bad],
            0 => &[bad],
            1 => &[good, bad],
            2 => &[bad_v6, good],
            _ => &[bad, bad_v6],
        };
        resolver.answer_with(&[later]);
        let timeout = Duration::from_millis(500);
        let post = Post { url: &url, content_type: "a/b", headers: &[], body: b"x".to_vec(), timeout };
        let (got, posted) = (client.get(&url).await, client.post(post).await);
        assert!(got.is_err() && posted.is_err(), "{url:?} was called: {got:?}, {posted:?}");
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    (taken, connections.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_hostile_urls_reach_nobody_on_this_machine() {
    let (taken, connections) = attack(10_000, false).await;
    assert!(taken > 1_000, "only {taken} led to a name, so that rebinding was hardly tried");
    assert_eq!(connections, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_urls_do_reach_it_where_the_guard_is_told_to_let_them() {
    let (_, connections) = attack(100, true).await;
    assert!(connections > 0, "these URLs could not tell a guard from none");
}
