//! Key files: an ed25519 key pair as JSON that only its owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use ed25519_dalek::{SigningKey, VerifyingKey};
use quittance_core::ids::NodeId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::CliError;
use crate::output::Output;

/// Where a node publishes its public key.
const PUBLISHED: &str = "/.well-known/quittance-keys.json";
/// The largest file that is read as a key.
const MAX_KEY_FILE_BYTES: u64 = 4096;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u8,
    public_key: String,
    secret_key: Zeroizing<String>,
}

/// A new key pair, from the system's randomness.
///
/// # Errors
/// The system gives no randomness.
pub(crate) fn generate() -> Result<SigningKey, CliError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|error| CliError::failed(format!("no randomness: {error}")))?;
    Ok(SigningKey::from_bytes(&seed))
}

/// The public key of a pair, base58.
pub(crate) fn public(key: &SigningKey) -> String {
    bs58::encode(key.verifying_key().as_bytes()).into_string()
}

/// The caller's words for what shall happen once; made up where there are none: a public key nobody has the other half of is
/// as unique as anything can be.
///
/// # Errors
/// The system gives no randomness.
pub(crate) fn words(given: Option<&str>) -> Result<String, CliError> {
    given.map_or_else(|| generate().map(|key| public(&key)), |given| Ok(given.to_owned()))
}

/// Writes a key to a file that must not exist yet, readable by its owner alone, durably.
///
/// # Errors
/// The file exists or cannot be written.
pub(crate) fn write(key: &SigningKey, path: &Path) -> Result<(), CliError> {
    let secret_key = Zeroizing::new(bs58::encode(key.as_bytes()).into_string());
    let file = KeyFile { version: 1, public_key: public(key), secret_key };
    let text = Zeroizing::new(serde_json::to_string(&file).map_err(CliError::failed)?);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Under another name until it is whole: half a key file would stand in the way for ever.
    let unfinished = path.with_added_extension("new");
    let _ = fs::remove_file(&unfinished);
    let write = |mut file: File| writeln!(file, "{}", *text).and_then(|()| file.sync_all());
    // A link, unlike a renaming, does not replace a key that is there.
    let publish = || fs::hard_link(&unfinished, path).and_then(|()| fs::remove_file(&unfinished));
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sync = || File::open(directory)?.sync_all();
    let written = options.open(&unfinished).and_then(write).and_then(|()| publish()).and_then(|()| sync());
    written.map_err(|error| {
        let _ = fs::remove_file(&unfinished);
        CliError::misuse(format!("cannot write the key to {}: {error}", path.display()))
            .hint("another --out, or remove the file if you are sure that nothing needs it")
    })
}

/// Reads a key file.
///
/// # Errors
/// It is not there, or not a key file, or its two halves do not belong together.
pub(crate) fn read(path: &Path) -> Result<SigningKey, CliError> {
    let wrong = |why: String| {
        CliError::misuse(format!("{} is not a key file: {why}", path.display()))
            .hint("quittance keys new --out FILE")
    };
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text))
        .map_err(|error| wrong(error.to_string()))?;
    let file: KeyFile = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if file.version != 1 {
        return Err(wrong(format!("version {} instead of 1", file.version)));
    }
    let mut seed = Zeroizing::new([0; 32]);
    let length = bs58::decode(file.secret_key.as_bytes()).onto(&mut *seed);
    if length != Ok(32) {
        return Err(wrong("secret_key is not base58 of 32 bytes".into()));
    }
    let key = SigningKey::from_bytes(&seed);
    if public(&key) != file.public_key {
        return Err(wrong("public_key does not belong to secret_key".into()));
    }
    Ok(key)
}

/// Reads the key file of a node.
///
/// # Errors
/// As [`read`]; also for another node's key.
pub(crate) fn read_of(path: &Path, node: NodeId) -> Result<SigningKey, CliError> {
    let hint = "the node.key of the node's own directory, or of a backup made with --with-key";
    let key = read(path).map_err(|error| error.hint(hint))?;
    if key.verifying_key().to_bytes() == node.0 {
        return Ok(key);
    }
    let message =
        format!("{} is the key of node {}; the log is of node {node}", path.display(), public(&key));
    Err(CliError::misuse(message).hint(hint))
}

pub(crate) fn new(out: &Path, output: &Output) -> Result<(), CliError> {
    let key = generate()?;
    write(&key, out)?;
    print(&key, output);
    Ok(())
}

pub(crate) fn show(file: &Path, jwks: bool, output: &Output) -> Result<(), CliError> {
    let key = read(file)?;
    if jwks {
        let set = quittance_webhook::key_set(&key.verifying_key());
        let json = serde_json::from_str(&set).map_err(CliError::failed)?;
        output.result(&json, || set);
    } else {
        print(&key, output);
    }
    Ok(())
}

/// The key that the node's webhooks verify with, where anybody can fetch it.
pub(crate) fn published(key: &VerifyingKey) -> Router {
    let set = quittance_webhook::key_set(key);
    let show = move || async move { ([(CONTENT_TYPE, "application/jwk-set+json")], set) };
    Router::new().route(PUBLISHED, get(show))
}

fn print(key: &SigningKey, output: &Output) {
    let public_key = public(key);
    output.result(&serde_json::json!({ "public_key": public_key }), || public_key.clone());
}
