//! `quittance code`: what it draws is what the SDK's own page would draw for the request, or it draws nothing.

use data_encoding::{BASE64, HEXLOWER};
use quittance_code_api::drawn_code::svg;
use quittance_tests::here;
use quittance_tests::http;
use quittance_tests::people::{MERCHANT, create, order, order_with_fees};
use quittance_tests::process::{Here, text};

const HERE: Here = here!();

#[test]
fn a_merchant_draws_its_own_request_from_whatever_it_has_of_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(directory.path());
    for (request, fees) in [
        (order(MERCHANT, 25, "usd", "code"), ""),
        (order_with_fees(MERCHANT, 25, "usd", "code", Some(&[])), r#","fees":[]"#),
    ] {
        create(server.address(), &request).expect("an answer").expect("created");
        let (id, secret) = (request.intent_id().to_string(), request.client_secret());
        let code = request.drawn_code();
        let options = format!(r#"{{"currency":"usd","amount":0.25,"clientSecret":"{secret}"{fees}}}"#);
        let options = BASE64.encode(options.as_bytes()).replace('=', "%3D");
        let address = format!("https://pages.example/v1/#/page/p={options}");
        // Six bytes of the drawing are misread.
        let mut misread = code;
        misread.iter_mut().step_by(6).for_each(|byte| *byte ^= 0x5a);
        let (payload, drawn) = (HEXLOWER.encode(request.payload()), HEXLOWER.encode(&misread));
        for arguments in [
            vec![id.as_str(), "--client-secret", &secret, "--amount", "0.25", "--currency", "USD"],
            vec![&id, "--client-secret", &secret, "--server", server.url()],
            vec![&payload],
            vec![&drawn],
            vec![&options],
            vec![&address],
        ] {
            let told = HERE.run([&["code", "--json"], arguments.as_slice()].concat()).json();
            assert_eq!(text(&told["id"]), id, "{arguments:?}");
            assert_eq!(text(&told["code"]), HEXLOWER.encode(&code), "{arguments:?}");
            let picture = HERE.run([&["code", "--svg"], arguments.as_slice()].concat()).stdout;
            assert_eq!(picture.trim_end(), svg::draw(&code, "Pay 0.25 USD"), "{arguments:?}");
        }
    }
    server.stop();
}

#[test]
fn nothing_is_drawn_that_would_ask_for_another_payment() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(directory.path());
    let request = order(MERCHANT, 25, "usd", "code");
    let (id, secret) = (request.intent_id().to_string(), request.client_secret());
    let other = order(MERCHANT, 25, "usd", "another").client_secret();
    let url = server.url();
    let check = |code: u8, arguments: &[&str], said: &str| {
        let ran = HERE.run([&["code"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (i32::from(code), ""), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{arguments:?}: expected {said:?}, got {}", ran.stderr);
    };
    check(2, &[&id], "the id does not tell its code");
    check(2, &["nonsense"], "error: ");
    check(2, &["7b7d"], "error: ");
    check(2, &[&id, "--client-secret", "0"], "client secret");
    check(2, &[&id, "--client-secret", &secret, "--amount", "0.25"], "--currency");
    check(2, &[&id, "--client-secret", &secret, "--amount", "0", "--currency", "usd"], "above zero");
    check(2, &[&id, "--client-secret", &secret, "--amount", "-1", "--currency", "usd"], "");
    check(2, &[&id, "--client-secret", &secret, "--amount", "1", "--currency", "xxx"], "invalid currency");
    check(
        3,
        &[&id, "--client-secret", &secret, "--amount", "0.26", "--currency", "usd"],
        "does not belong to",
    );
    check(
        3,
        &[&id, "--client-secret", &other, "--amount", "0.25", "--currency", "usd"],
        "does not belong to",
    );
    check(3, &[&id, "--client-secret", &secret], "not that of a login");
    check(3, &[&id, "--client-secret", &secret, "--server", url], "not");
    check(3, &[&id, "--qr", "--server", url], "not");
    check(2, &[&id, "--qr"], "there is no link to draw");
    let mut ruined = request.drawn_code();
    ruined[..7].fill(0x5a);
    check(2, &[&HEXLOWER.encode(&ruined)], "more than 6 bytes are wrong");
    server.stop();
}

#[test]
fn an_intent_without_a_code_has_a_link_to_be_scanned() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(directory.path());
    let request = order(MERCHANT, 25, "usd", "code");
    create(server.address(), &request).expect("an answer").expect("created");
    let id = request.intent_id().to_string();
    let told = HERE.run(["code", &id, "--qr", "--json", "--server", server.url()]).json();
    let page = format!("{}/checkout/{id}", server.url());
    assert_eq!(text(&told["link"]), page);
    assert_eq!(http::get(server.address(), &format!("/checkout/{id}")).expect("a node").status, 200);
    let secret = request.client_secret();
    let args = ["code", &id, "--client-secret", &secret, "--qr", "--json", "--server", server.url()];
    assert_eq!(text(&HERE.run(args).json()["link"]), format!("{page}?code={secret}"));
    let link = "https://shop.example/pay/7";
    let shown = HERE.run(["code", &id, "--qr", "--svg", "--link", link]);
    assert!(shown.stdout.starts_with("<svg ") && shown.stdout.contains(link), "{}", shown.stdout);
    let lines = HERE.run(["code", &id, "--qr", "--link", link]).stdout;
    assert!(lines.lines().count() > 10 && lines.contains('█'), "{lines}");
    server.stop();
}
