use prost::Message as _;
use quittance_code_api::call::codify;
use quittance_code_api::envelope::{Method, encode_request};
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::proto::code::micropayment::v1::{
    CodifyResponse, GetPathMetadataRequest, GetPathMetadataResponse,
};
use quittance_code_api::solana::address::Timelock;
use quittance_tests::hook::Hook;
use quittance_tests::{http, people};

use crate::{HERE, done, quittance};

fn ask(address: &str, method: Method, body: Vec<u8>) -> Vec<u8> {
    let (status, answer) = people::call(address, &encode_request(method, body)).expect("a whole answer");
    answer.unwrap_or_else(|refusal| panic!("HTTP {status}: {refusal}"))
}

/// Where a link leads on this node.
fn leads(address: &str, path: &str) -> Option<(String, f64)> {
    let request = GetPathMetadataRequest { path: path.to_owned() };
    let answer = ask(address, Method::GetPathMetadata, request.encode_to_vec());
    let answer = GetPathMetadataResponse::decode(answer.as_slice()).expect("the answer");
    (answer.result == 0).then_some((answer.redirct_url, answer.native_amount))
}

/// Lost if this fails: links that authors have printed and sent around lead nowhere once their node was restored.
#[test]
fn a_restored_node_knows_where_every_short_link_leads() {
    // More entries than are read of a table at once; one author may make twenty a minute.
    const AUTHORS: u8 = 3;
    const EACH: usize = 15;
    const LINKS: usize = AUTHORS as usize * EACH;
    let directory = tempfile::tempdir().expect("a directory");
    let (data, backup) = (directory.path().join("data"), directory.path().join("backup"));
    let pages = Hook::open(|_, _| Some(200));
    let server = HERE.serve(&data);
    let address = server.address().to_owned();
    let node = http::get(&address, "/v1/node").expect("a node").json()["node"].clone();
    let node: PublicKey = node.as_str().and_then(|node| node.parse().ok()).expect("a node's id");
    let link = |address: &str, author: &KeyPair, page: &str| {
        let vault = Timelock::of(author.public_key(), node).vault.address;
        let request = codify(page, "usd", 0.25, author, vault);
        let answer = ask(address, Method::Codify, request.encode_to_vec());
        let answer = CodifyResponse::decode(answer.as_slice()).expect("the answer");
        answer.codified_url.rsplit('/').next().expect("a path").to_owned()
    };
    let authors = (0..AUTHORS).map(|number| KeyPair::from_seed(&[0x70 + number; 32]));
    let mut links = Vec::new();
    for author in authors {
        let account = author.public_key().to_string();
        done(&HERE.run(["account", "deposit", &account, "100000", "--server", server.url()]));
        for number in 0..EACH {
            let page = pages.url(&format!("/{account}/{number}"));
            let path = link(&address, &author, &page);
            assert_eq!(leads(&address, &path), Some((page.clone(), 0.25)));
            links.push((author.clone(), page, path));
        }
    }
    let said = quittance("backup", &backup, &data, &["--with-key".as_ref()]).json();
    assert_eq!(said["links"], LINKS, "{said}");
    server.kill();
    let stopped = quittance("backup", &backup, &data, &[]).json();
    assert_eq!(stopped["links"], LINKS, "of a node that is not running: {stopped}");

    let copy = directory.path().join("copy");
    let said = quittance("restore", &backup, &copy, &[]).json();
    assert_eq!(said["links"], LINKS, "{said}");
    let server = HERE.serve(&copy);
    for (_, page, path) in &links {
        assert_eq!(leads(server.address(), path), Some((page.clone(), 0.25)), "{path}");
    }
    // An author who asks again is told the same link.
    let (author, page, path) = &links[0];
    assert_eq!(&link(server.address(), author, page), path);
    server.stop();
}
