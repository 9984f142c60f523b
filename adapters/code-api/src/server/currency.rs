use std::time::Duration;

use prost_types::Timestamp as WireTime;
use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::Timestamp;
use quittance_core::state::{RateTable, Rates, State};

use super::{Api, letter, refusal};
use crate::envelope::decode_body;
use crate::number::Decimal;
use crate::proto::code::currency::v1 as currency;
use crate::proto::code::currency::v1::get_all_rates_response::Result as Answer;
use crate::status::Status;

/// How old a moment has to be for its own rates to be asked for (protocol d.6).
const HISTORY: Duration = Duration::from_secs(15 * 60);
/// From here on a moment lies too far ahead (protocol d.6).
const AHEAD: Duration = Duration::from_secs(60 * 60);

/// `Currency.GetAllRates` (protocol d.6).
///
/// The latest rates are the ones published last, from the moment they are: what is quoted and accepted here. (The reference
/// keeps to full quarters of an hour.) History goes back as far as the state does, [`quittance_core::state::MAX_TABLES`] tables.
pub(super) async fn get_all_rates(api: &Api, body: &[u8]) -> Result<currency::GetAllRatesResponse, Status> {
    let request: currency::GetAllRatesRequest = decode_body(body)?;
    let now = api.engine.now();
    let at = moment(request.timestamp.as_ref(), now)?;
    let look = move |state: &State| table(state.rates(), at).map(answer);
    let found = api.engine.query(look).await.map_err(refusal::unanswered)?;
    Ok(found.unwrap_or_else(|| currency::GetAllRatesResponse {
        result: Answer::MissingData.into(),
        as_of: Some(letter::timestamp(at.unwrap_or(now))),
        ..currency::GetAllRatesResponse::default()
    }))
}

/// The moment whose rates are asked for; `None` for the latest.
fn moment(asked: Option<&WireTime>, now: Timestamp) -> Result<Option<Timestamp>, Status> {
    let Some(asked) = asked else { return Ok(None) };
    let asked = from_wire(asked).map_err(|error| Status::invalid_argument(format!("timestamp: {error}")))?;
    if asked >= now.saturating_add(AHEAD) {
        return Err(Status::invalid_argument("timestamp too far in the future"));
    }
    Ok((asked < now.saturating_sub(HISTORY)).then_some(asked))
}

/// What is below a microsecond is dropped.
fn from_wire(at: &WireTime) -> Result<Timestamp, &'static str> {
    let seconds = u64::try_from(at.seconds).map_err(|_| "expected a time from 1970 on")?;
    let nanos = u64::try_from(at.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let nanos = nanos.ok_or("expected nanos from 0 to 999999999")?;
    let micros = seconds.checked_mul(1_000_000).and_then(|micros| micros.checked_add(nanos / 1_000));
    micros.map(Timestamp).ok_or("expected a time that the node can count to")
}

fn table(rates: &Rates, at: Option<Timestamp>) -> Option<&RateTable> {
    match at {
        None => rates.latest(),
        Some(at) => rates.tables().find(|table| table.published_at <= at),
    }
}

fn answer(table: &RateTable) -> currency::GetAllRatesResponse {
    let rates = table.rates.iter().map(|(currency, rate)| (currency.to_string(), double(*rate)));
    // Nobody publishes it, and an app that works out amounts in any currency looks for it.
    let kin = (Currency::KIN.to_string(), 1.0);
    currency::GetAllRatesResponse {
        result: Answer::Ok.into(),
        as_of: Some(letter::timestamp(table.published_at)),
        rates: rates.chain([kin]).collect(),
    }
}

/// The double nearest to a rate, which is what a payer's app signs.
fn double(rate: Rate) -> f64 {
    Decimal { mantissa: rate.mantissa(), scale: rate.scale() }.to_double()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);
    const MINUTE: u64 = 60_000_000;

    #[test]
    fn only_a_moment_that_is_long_past_has_rates_of_its_own() {
        let check = |at: u64, want: Result<Option<u64>, &str>| {
            let asked = moment(Some(&letter::timestamp(Timestamp(at))), NOW);
            let have = asked.map(|at| at.map(|at| at.0)).map_err(|status| status.text);
            assert_eq!(have, want.map_err(str::to_owned), "{at}");
        };
        check(NOW.0, Ok(None));
        check(NOW.0 - 15 * MINUTE, Ok(None));
        check(NOW.0 - 15 * MINUTE - 1, Ok(Some(NOW.0 - 15 * MINUTE - 1)));
        check(0, Ok(Some(0)));
        check(NOW.0 + 60 * MINUTE - 1, Ok(None));
        check(NOW.0 + 60 * MINUTE, Err("timestamp too far in the future"));
        assert_eq!(moment(None, NOW), Ok(None));
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MAX, 0)] {
            let refused = moment(Some(&WireTime { seconds, nanos }), NOW).unwrap_err().text;
            assert!(refused.starts_with("timestamp"), "{seconds}.{nanos}: {refused}");
        }
    }
}
