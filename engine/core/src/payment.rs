//! The payment a payer signs: every quark and where it goes, in one canonical encoding.

use alloc::vec::Vec;
use core::fmt;

use crate::currency::{Currency, Rate};
use crate::ids::{AccountId, IntentId, NodeId, Timestamp, TransactionId};
use crate::money::{NativeAmount, Quarks};

/// Marks the bytes as a Quittance payment, so that the signature cannot be taken for one over anything else.
const DOMAIN: &[u8] = b"quittance.payment";
/// The only version there is.
const VERSION: u8 = 1;
/// The most transfers a payment can hold: service fee, [`crate::terms::MAX_FEES`] fees, destination, and room to grow.
pub const MAX_TRANSFERS: usize = 16;

/// What a payer agrees to, in full. Signed by the payer's key over [`Payment::to_bytes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The sequencer that may carry it out.
    pub node: NodeId,
    /// The intent that is paid.
    pub intent: IntentId,
    /// Who pays; the account is the public key that signs.
    pub payer: AccountId,
    /// The intent's currency.
    pub currency: Currency,
    /// The intent's amount.
    pub amount: NativeAmount,
    /// The price of one kin in the currency that the quarks were computed with.
    pub rate: Rate,
    /// The last moment at which the sequencer may accept it.
    pub valid_until: Timestamp,
    /// Where the quarks go, in order. Never empty; none is of zero quarks.
    pub transfers: Vec<Transfer>,
}

/// Quarks for one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Why they go there.
    pub purpose: Purpose,
    /// Who receives them.
    pub destination: AccountId,
    /// How many.
    pub quarks: Quarks,
}

/// Why a transfer is part of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Purpose {
    /// The sequencer's own fee (protocol a.7).
    ServiceFee = 1,
    /// A fee that the terms name.
    Fee = 2,
    /// The destination's part.
    Destination = 3,
}

impl Purpose {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceFee => "service_fee",
            Self::Fee => "fee",
            Self::Destination => "destination",
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::ServiceFee, Self::Fee, Self::Destination].into_iter().find(|purpose| *purpose as u8 == byte)
    }
}

/// Why bytes are not a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedPayment {
    /// The part at fault.
    pub field: &'static str,
    /// What it should be.
    pub expected: &'static str,
}

impl fmt::Display for MalformedPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payment payload: {}: expected {}", self.field, self.expected)
    }
}

impl core::error::Error for MalformedPayment {}

impl Payment {
    /// Everything the payer loses, or `None` when it does not fit.
    #[must_use]
    pub fn total(&self) -> Option<Quarks> {
        Quarks::checked_sum(self.transfers.iter().map(|transfer| transfer.quarks))
    }

    /// What the destination receives: all that is left of the total behind the fees.
    #[must_use]
    pub fn received(&self) -> Quarks {
        self.transfers.last().map_or(Quarks::ZERO, |last| last.quarks)
    }

    /// The bytes the payer signs: domain separated, versioned, one encoding per value.
    ///
    /// Layout: `quittance.payment` 0x01, node, intent, payer (32 bytes each), currency (3), amount in hundredths (u64),
    /// rate mantissa (u64) and scale (u8), valid-until in microseconds (u64), number of transfers (u8), then per transfer its
    /// purpose (u8), destination (32), quarks (u64). Integers are little endian.
    ///
    /// # Determinism
    /// Equal payments give equal bytes, and [`Payment::from_bytes`] accepts no others.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(DOMAIN.len() + 160 + self.transfers.len() * 41);
        bytes.extend_from_slice(DOMAIN);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.node.0);
        bytes.extend_from_slice(&self.intent.0);
        bytes.extend_from_slice(&self.payer.0);
        bytes.extend_from_slice(&self.currency.code());
        bytes.extend_from_slice(&self.amount.hundredths().to_le_bytes());
        bytes.extend_from_slice(&self.rate.mantissa().to_le_bytes());
        bytes.push(self.rate.scale());
        bytes.extend_from_slice(&self.valid_until.0.to_le_bytes());
        // A payment is built with at most MAX_TRANSFERS; one with more encodes to bytes that do not decode.
        bytes.push(u8::try_from(self.transfers.len()).unwrap_or(u8::MAX));
        for transfer in &self.transfers {
            bytes.push(transfer.purpose as u8);
            bytes.extend_from_slice(&transfer.destination.0);
            bytes.extend_from_slice(&transfer.quarks.get().to_le_bytes());
        }
        bytes
    }

    /// The payment in `bytes`.
    ///
    /// # Errors
    /// Anything but the canonical encoding of a payment: the part at fault and what it should be.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedPayment> {
        let mut reader = Reader(bytes);
        let malformed = |field, expected| MalformedPayment { field, expected };
        if reader.take("domain", DOMAIN.len())? != DOMAIN {
            return Err(malformed("domain", "the text quittance.payment"));
        }
        if reader.u8("version")? != VERSION {
            return Err(malformed("version", "1"));
        }
        let node = NodeId(reader.array("node")?);
        let intent = IntentId(reader.array("intent")?);
        let payer = AccountId(reader.array("payer")?);
        let currency = Currency::new(reader.array("currency")?)
            .ok_or(malformed("currency", "three lower-case letters"))?;
        let amount = NativeAmount::from_hundredths(reader.u64("amount")?)
            .ok_or(malformed("amount", "1 to 2^56 - 1 hundredths"))?;
        let (mantissa, scale) = (reader.u64("rate.mantissa")?, reader.u8("rate.scale")?);
        let rate = Rate::new(mantissa, scale)
            .filter(|rate| (rate.mantissa(), rate.scale()) == (mantissa, scale))
            .ok_or(malformed("rate", "a decimal above zero without trailing zeros"))?;
        let valid_until = Timestamp(reader.u64("valid_until")?);
        let count = usize::from(reader.u8("transfers")?);
        if count == 0 || count > MAX_TRANSFERS {
            return Err(malformed("transfers", "1 to 16 transfers"));
        }
        let transfers = (0..count).map(|_| reader.transfer()).collect::<Result<_, _>>()?;
        if !reader.0.is_empty() {
            return Err(malformed("end", "no bytes after the last transfer"));
        }
        Ok(Self { node, intent, payer, currency, amount, rate, valid_until, transfers })
    }
}

/// The transaction that carries out the payment signed as `payload`.
///
/// Keyed by the signed bytes, so that ordering the same payment again names the same transaction and cannot pay twice.
#[must_use]
pub fn transaction_id(payload: &[u8], index: u32) -> TransactionId {
    let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 transaction id v1");
    hasher.update(payload);
    hasher.update(&index.to_le_bytes());
    TransactionId(*hasher.finalize().as_bytes())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, field: &'static str, n: usize) -> Result<&'a [u8], MalformedPayment> {
        let (head, tail) =
            self.0.split_at_checked(n).ok_or(MalformedPayment { field, expected: "more bytes" })?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], MalformedPayment> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    fn u8(&mut self, field: &'static str) -> Result<u8, MalformedPayment> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    fn u64(&mut self, field: &'static str) -> Result<u64, MalformedPayment> {
        self.array(field).map(u64::from_le_bytes)
    }

    fn transfer(&mut self) -> Result<Transfer, MalformedPayment> {
        let purpose = Purpose::from_byte(self.u8("transfer.purpose")?)
            .ok_or(MalformedPayment { field: "transfer.purpose", expected: "1, 2 or 3" })?;
        let destination = AccountId(self.array("transfer.destination")?);
        let quarks = Quarks::new(self.u64("transfer.quarks")?);
        if quarks == Quarks::ZERO {
            return Err(MalformedPayment { field: "transfer.quarks", expected: "more than zero" });
        }
        Ok(Transfer { purpose, destination, quarks })
    }
}
