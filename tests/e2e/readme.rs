//! The README's snippets for the official SDKs, run as they stand there: what a newcomer copies has to work, and its diagram,
//! which has to be the engine's own.

use std::fs;
use std::process::Command;

use quittance_tests::process::{Here, Server, run_within};
use quittance_tests::shop::Shop;
use quittance_tests::{here, sdk};

const HERE: Here = here!();
const README: &str = include_str!("../../README.md");
/// The server that the snippets name.
const SERVER: &str = "http://127.0.0.1:8080";
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// The one block in this language, against another server.
fn snippet(language: &str, url: &str) -> String {
    let mut blocks = README.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let (_, code) = blocks.find(|(head, _)| *head == language).expect("the README has a snippet for it");
    assert!(code.contains(SERVER), "the snippet names another server than the text around it");
    code.replace(SERVER, url)
}

#[test]
fn the_diagram_is_the_one_that_the_engine_decides_by() {
    let mut blocks = README.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let (_, shown) = blocks.find(|(head, _)| *head == "mermaid").expect("the README has a diagram");
    let printed = HERE.run(["lifecycle", "--format", "mermaid"]).stdout;
    assert_eq!(shown, printed, "put what `quittance lifecycle --format mermaid` prints into the README");
}

/// Lost if this fails: whoever starts from the README's settings has a node that does not start. Flags win over the file, so the
/// directory and the port are this test's own.
#[test]
fn a_node_starts_with_each_of_the_settings_shown() {
    let blocks = README.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let shown: Vec<_> = blocks.filter(|(language, _)| *language == "toml").map(|(_, text)| text).collect();
    assert_eq!(shown.len(), 3, "settings of the README");
    for settings in shown {
        let place = tempfile::tempdir().expect("a directory");
        let (file, data) = (place.path().join("node.toml"), place.path().join("data"));
        let mut command = Command::new(HERE.binary);
        command.env("QUITTANCE_CONFIG", &file);
        let missing = settings.lines().find(|line| line.starts_with("ca = "));
        if let Some(line) = missing {
            fs::write(&file, settings).expect("a configuration");
            let ended = Server::launch(&mut command, &data).expect_err("there is no such file here");
            let named = line.split('"').nth(1).expect("a path");
            assert!(ended.stderr.contains(named), "the operator does not hear of {named}: {}", ended.stderr);
        }
        let rest = missing.map_or(settings.to_owned(), |line| settings.replace(line, ""));
        fs::write(&file, &rest).expect("a configuration");
        let mut command = Command::new(HERE.binary);
        command.env("QUITTANCE_CONFIG", &file);
        let started = Server::launch(&mut command, &data);
        started.unwrap_or_else(|ended| panic!("{rest}\n{}", ended.stderr)).stop();
    }
}

/// Runs a snippet, which prints an intent's id, its client secret and its status, and pays what it made.
fn check(shop: &Shop, command: &mut Command) {
    let ran = run_within(command, PATIENCE);
    assert_eq!(ran.code, 0, "a newcomer's first program fails:\n{}{}", ran.stdout, ran.stderr);
    let words: Vec<_> = ran.stdout.split_whitespace().collect();
    let [id, secret, "pending"] = words[..] else { panic!("unexpected output: {}", ran.stdout) };
    shop.pay(id, secret);
}

#[test]
fn the_javascript_snippet_makes_an_intent_that_can_be_paid() {
    let modules = sdk::javascript(&HERE);
    let shop = Shop::open(HERE);
    // Beside the packages: that is where an ES module looks for them.
    let script = modules.with_file_name("readme.mjs");
    fs::write(&script, snippet("js", shop.server().url())).expect("a file beside the packages");
    check(&shop, Command::new("node").arg(&script));
    shop.close();
}

#[test]
fn the_python_snippet_makes_an_intent_that_can_be_paid() {
    let python = sdk::python(&HERE);
    let shop = Shop::open(HERE);
    check(&shop, Command::new(python).arg("-c").arg(snippet("python", shop.server().url())));
    shop.close();
}
