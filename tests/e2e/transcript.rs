//! A day at the command line, word for word: what people and their scripts see.

use quittance_tests::here;
use quittance_tests::http;
use quittance_tests::people::{MERCHANT, create, intent, order};
use quittance_tests::process::{Here, text};
use quittance_tests::transcript::Transcript;

const HERE: Here = here!();
const FIRST: &str = "ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh";

#[test]
fn what_people_see_is_what_is_written_down() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let data = path.join("data");
    let server = HERE.serve(&data);
    let (_, payer) = HERE.key(path, "payer.key");
    let (_, poor) = HERE.key(path, "poor.key");
    let request = order(MERCHANT, 25, "usd", "order-42");
    create(server.address(), &request).expect("a node").expect("an intent");
    let node = http::get(server.address(), "/v1/node").expect("a node").json();

    let mut said = Transcript::new(HERE);
    said.name(path.to_str().expect("a path in UTF-8"), "DIR");
    said.name(server.url(), "URL");
    said.name(&payer, "PAYER");
    said.name(&poor, "POOR");
    said.name(&text(&node["node"]), "NODE");
    for line in [
        "",
        "frob",
        "keys show DIR/payer.key",
        "keys show DIR/payer.key --json",
        "keys new --out DIR/payer.key",
        "keys new --out DIR/payer.key --json",
        "keys show DIR/nothing.key",
        "keys show DIR/data",
        "serve",
        "serve --data DIR/data --listen nowhere",
        "serve --data DIR/data --data DIR/data",
        "serve --data DIR/data --listen 127.0.0.1:0",
        "serve --data DIR/payer.key",
        "serve --data DIR/other --config DIR/payer.key",
        "log verify --data DIR/data",
        "log dump --data DIR/data",
        "log verify --data DIR/nowhere",
        "log verify --data DIR/nowhere --json",
        "account show PAYER --server URL",
        "account show PAYE --server URL",
        "account deposit PAYER 1000000000000 --key first --server URL",
        "account deposit PAYER 1000000000000 --key first --server URL --json",
        "account deposit PAYER 1 --key first --server URL",
        "account deposit PAYER 0 --server URL",
        "account deposit PAYER -5 --server URL",
        "show ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --server URL",
        "show GHEXGTE2r1PartuDip4VhDz8b2RY4xqRTRtMCUEaEXXN --server URL",
        "show GHEXGTE2r1PartuDip4VhDz8b2RY4xqRTRtMCUEaEXXN --server URL --json",
        "show GHEX --server URL",
        "pay",
        "pay ntaw --key DIR/payer.key --server URL",
        "pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --key DIR/nothing.key --server URL",
        "pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --key DIR/payer.key --server ftp://example.com",
        "pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --client-secret x --key DIR/payer.key --server URL",
        "pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --client-secret uqM86tVJL9rhqS --key DIR/payer.key --server URL",
        "pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --client-secret FsYSp6vzXqowdz1 --key DIR/poor.key --server URL",
        "pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --client-secret FsYSp6vzXqowdz1 --key DIR/payer.key --server URL",
        "pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --client-secret FsYSp6vzXqowdz1 --key DIR/payer.key --server URL --json",
        "pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --client-secret FsYSp6vzXqowdz1 --key DIR/poor.key --server URL",
        "account show PAYER --server URL",
    ] {
        said.run(line);
    }
    for line in
        ["lifecycle", "lifecycle --format mermaid", "lifecycle --format table --json", "lifecycle --format x"]
    {
        said.run(line);
    }
    // A second payment, to somebody who can give it back.
    let (_, shop) = HERE.key(path, "shop.key");
    let second = order(&shop, 25, "usd", "order-43");
    create(server.address(), &second).expect("a node").expect("an intent");
    let second = second.intent_id().to_string();
    said.name(&shop, "SHOP");
    said.name(&second, "SECOND");
    said.run("pay SECOND --key DIR/payer.key --server URL");
    for (id, name) in [(FIRST, "TRANSACTION"), (&second, "TRANSACTION2")] {
        let paid = intent(server.address(), id).expect("a node").expect("an intent").payment;
        said.name(&paid.expect("a payment").transactions[0].id, name);
    }
    // Its transaction is named by the payer's account, which is another one every time.
    let key = path.join("payer.key");
    let withdraw = ["account", "withdraw", "100000", "--to", "somewhere", "--withdrawal-key", "w-1"];
    let rest = ["--json", "--server", server.url(), "--key", key.to_str().expect("a path in UTF-8")];
    let withdrawn = HERE.run(withdraw.into_iter().chain(rest)).json();
    said.name(&text(&withdrawn["withdrawal"]["transaction"]), "WITHDRAWAL");
    for line in [
        "why",
        "why GHEX --server URL",
        "why GHEXGTE2r1PartuDip4VhDz8b2RY4xqRTRtMCUEaEXXN --server URL",
        "why ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --server URL --data DIR/data",
        "why ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --data DIR/data",
        "why ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --server URL",
        "refund SECOND --key DIR/payer.key --refund-key return-1 --server URL",
        "refund GHEXGTE2r1PartuDip4VhDz8b2RY4xqRTRtMCUEaEXXN --quarks 5 --key DIR/shop.key --server URL",
        "refund SECOND --quarks 0 --key DIR/shop.key --server URL",
        "refund SECOND --quarks 1000 --refund-key return-1 --key DIR/shop.key --server URL",
        "refund SECOND --quarks 1000 --refund-key return-1 --key DIR/shop.key --server URL --json",
        "refund SECOND --refund-key return-1 --key DIR/shop.key --server URL",
        "refund SECOND --quarks 2000 --refund-key return-1 --key DIR/shop.key --server URL",
        "refund SECOND --refund-key rest --key DIR/shop.key --server URL",
        "account deposit SHOP 50000000 --key second --server URL",
        "refund SECOND --refund-key rest --key DIR/shop.key --server URL",
        "refund SECOND --key DIR/shop.key --server URL",
        "show SECOND --server URL",
        "account withdraw 100000 --to somewhere --withdrawal-key w-1 --key DIR/payer.key --server URL",
        "account withdraw 100000 --to somewhere --withdrawal-key w-1 --key DIR/payer.key --server URL --json",
        "account withdraw 100000 --to elsewhere --withdrawal-key w-1 --key DIR/payer.key --server URL",
        "account withdraw 100000 --to somewhere --key DIR/poor.key --server URL",
        "account show PAYER --server URL",
    ] {
        said.run(line);
    }
    for line in [
        "backup DIR/backup --data DIR/data",
        "backup DIR/backup --data DIR/data --with-key --json",
        "export DIR/log.quittance --data DIR/data",
        "restore DIR/backup --data DIR/data",
    ] {
        said.run(line);
    }
    server.stop();
    for line in [
        "backup DIR/backup --data DIR/data",
        "backup",
        "backup DIR/data --data DIR/data",
        "backup DIR/new --data DIR/nowhere",
        "restore DIR/backup --data DIR/restored",
        "restore DIR/backup --data DIR/restored2 --json",
        "restore DIR/log.quittance --data DIR/again",
        "restore DIR/data --data DIR/again",
        "restore DIR/backup --data DIR/again --key DIR/payer.key",
        "export DIR/log.quittance --data DIR/data",
        "import DIR/log.quittance --data DIR/restored",
        "import DIR/log.quittance --data DIR/copy",
        "import DIR/log.quittance --data DIR/copy2 --json",
        "import DIR/payer.key --data DIR/again",
        "import DIR/nothing --data DIR/again --json",
    ] {
        said.run(line);
    }
    said.run("why SECOND --data DIR/data");
    said.run("why GHEXGTE2r1PartuDip4VhDz8b2RY4xqRTRtMCUEaEXXN --data DIR/data --json");
    said.run("log verify --data DIR/data");
    said.run("log verify --data DIR/data --skip-signatures --json");
    said.run("log dump --data DIR/data");
    said.run("log dump --data DIR/data --from 11");
    said.check("transcript.txt");
    assert_eq!(HERE.dump(&data).len(), 25);
}
