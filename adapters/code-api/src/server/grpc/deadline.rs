use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::Instant;

use crate::status::{Code, Status};

/// The header in which a client says how long it waits.
const HEADER: &str = "grpc-timeout";

/// When the client stops waiting, or `longest` from now, whichever comes first.
///
/// # Errors
/// The header is there and is not up to eight digits and a unit, as gRPC has it.
pub(super) fn deadline(headers: &HeaderMap, longest: Duration) -> Result<Instant, Status> {
    let wait = match headers.get(HEADER) {
        None => longest,
        Some(value) => {
            let asked = value.to_str().ok().and_then(timeout);
            asked.map(|asked| asked.min(longest)).ok_or_else(|| {
                let text = "expected up to 8 digits and one of H, M, S, m, u and n";
                Status::invalid_argument(format!("{HEADER}: {text}"))
            })?
        }
    };
    Ok(Instant::now() + wait)
}

/// What a caller hears whose deadline has passed. What it asked for may have happened.
pub(super) fn passed() -> Status {
    Status::new(Code::DeadlineExceeded, "the deadline of this call has passed")
}

fn timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lost if this fails: a client that gives up after a second keeps the server working for an hour, or the reverse.
    #[test]
    fn a_client_waits_as_long_as_it_says() {
        let check = |value: &str, want: Option<Duration>| assert_eq!(timeout(value), want, "{value}");
        check("1H", Some(Duration::from_secs(3600)));
        check("2M", Some(Duration::from_secs(120)));
        check("99999999S", Some(Duration::from_secs(99_999_999)));
        check("250m", Some(Duration::from_millis(250)));
        check("7u", Some(Duration::from_micros(7)));
        check("0n", Some(Duration::ZERO));
        for wrong in ["", "S", "1", "1s", "+1S", "-1S", "100000000S", "1.5S", "1 S", "S1", "1é"] {
            check(wrong, None);
        }
    }
}
