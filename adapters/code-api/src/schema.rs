//! Which fields of the signed messages are messages themselves, which repeat, and which exclude each other: all that
//! [`crate::wire`] has to know to write a message in another encoder's order.

use crate::wire::Value;

/// One message type.
#[derive(Debug)]
pub struct Schema {
    fields: &'static [FieldSpec],
}

/// One field of a message type.
#[derive(Debug)]
pub struct FieldSpec {
    /// The field's number.
    pub number: u32,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be there several times.
    pub repeated: bool,
    /// Whether it is a member of the message's oneof. None of the signed messages has two.
    pub in_oneof: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Another message.
    Message(&'static Schema),
    /// A string or bytes.
    Bytes,
    /// An integer, a bool or an enum.
    Varint,
    /// A double.
    Fixed64,
}

impl Schema {
    /// The field of that number.
    pub fn field(&self, number: u32) -> Option<&FieldSpec> {
        self.fields.iter().find(|field| field.number == number)
    }
}

impl FieldSpec {
    /// Whether encoders write the field even when it holds nothing. (A message field is always written when it is there.)
    pub fn keeps_default(&self) -> bool {
        self.repeated || self.in_oneof
    }
}

impl Kind {
    /// Whether a value has this kind's wire type. Decoders treat a field with another one as unknown.
    pub fn holds(self, value: &Value<'_>) -> bool {
        matches!(
            (self, value),
            (Self::Message(_) | Self::Bytes, Value::Delimited(_))
                | (Self::Varint, Value::Varint(_))
                | (Self::Fixed64, Value::Fixed64(_))
        )
    }
}

const fn one(number: u32, kind: Kind) -> FieldSpec {
    FieldSpec { number, kind, repeated: false, in_oneof: false }
}

const fn many(number: u32, schema: &'static Schema) -> FieldSpec {
    FieldSpec { number, kind: Kind::Message(schema), repeated: true, in_oneof: false }
}

const fn alternative(number: u32, schema: &'static Schema) -> FieldSpec {
    FieldSpec { number, kind: Kind::Message(schema), repeated: false, in_oneof: true }
}

const fn part(number: u32, schema: &'static Schema) -> FieldSpec {
    one(number, Kind::Message(schema))
}

/// An id, a key, a signature or a domain: one `value`.
static VALUE: Schema = Schema { fields: &[one(1, Kind::Bytes)] };

static TIMESTAMP: Schema = Schema { fields: &[one(1, Kind::Varint), one(2, Kind::Varint)] };

static EXCHANGE_DATA: Schema = Schema {
    fields: &[one(1, Kind::Bytes), one(2, Kind::Fixed64), one(3, Kind::Fixed64), one(4, Kind::Varint)],
};

static EXCHANGE_DATA_WITHOUT_RATE: Schema = Schema { fields: &[one(1, Kind::Bytes), one(2, Kind::Fixed64)] };

static ADDITIONAL_FEE_PAYMENT: Schema = Schema { fields: &[part(1, &VALUE), one(2, Kind::Varint)] };

/// `code.messaging.v1.RequestToReceiveBill`
pub static REQUEST_TO_RECEIVE_BILL: Schema = Schema {
    fields: &[
        part(1, &VALUE),
        alternative(2, &EXCHANGE_DATA),
        alternative(3, &EXCHANGE_DATA_WITHOUT_RATE),
        part(4, &VALUE),
        part(5, &VALUE),
        part(6, &VALUE),
        part(7, &VALUE),
        many(8, &ADDITIONAL_FEE_PAYMENT),
    ],
};

/// `code.messaging.v1.RequestToLogin`
pub static REQUEST_TO_LOGIN: Schema =
    Schema { fields: &[part(1, &VALUE), part(4, &VALUE), part(5, &VALUE), part(6, &VALUE)] };

static REQUEST_TO_GRAB_BILL: Schema = Schema { fields: &[part(1, &VALUE)] };

static CODE_SCANNED: Schema = Schema { fields: &[part(1, &TIMESTAMP)] };

static CLIENT_REJECTED_PAYMENT: Schema = Schema { fields: &[part(1, &VALUE)] };

static CLIENT_REJECTED_LOGIN: Schema = Schema { fields: &[part(4, &TIMESTAMP)] };

/// A kind of letter that only the server writes. What is in it is never put in order, but it excludes the other kinds.
static OPAQUE: Schema = Schema { fields: &[] };

/// `code.messaging.v1.Message`
pub static MESSAGE: Schema = Schema {
    fields: &[
        part(1, &VALUE),
        alternative(2, &REQUEST_TO_GRAB_BILL),
        part(3, &VALUE),
        alternative(4, &OPAQUE),
        alternative(5, &REQUEST_TO_RECEIVE_BILL),
        alternative(6, &CODE_SCANNED),
        alternative(7, &CLIENT_REJECTED_PAYMENT),
        alternative(8, &OPAQUE),
        alternative(9, &OPAQUE),
        alternative(10, &REQUEST_TO_LOGIN),
        alternative(12, &CLIENT_REJECTED_LOGIN),
    ],
};

/// `OpenMessageStreamRequest`, `PollMessagesRequest` and `GetTokenAccountInfosRequest`: a key, and its signature as field 2.
pub static KEY_AND_SIGNATURE: Schema = Schema { fields: &[part(1, &VALUE), part(2, &VALUE)] };

/// `CodifyRequest`
pub static CODIFY_REQUEST: Schema = Schema {
    fields: &[
        one(1, Kind::Bytes),
        one(2, Kind::Bytes),
        one(3, Kind::Fixed64),
        part(4, &VALUE),
        part(5, &VALUE),
        part(6, &VALUE),
    ],
};

/// `LoginToThirdPartyAppRequest`, `GetLoginForThirdPartyAppRequest` and `GetIntentMetadataRequest`: an intent, a key, and
/// its signature as field 3.
pub static INTENT_KEY_AND_SIGNATURE: Schema =
    Schema { fields: &[part(1, &VALUE), part(2, &VALUE), part(3, &VALUE)] };

static EMPTY: Schema = Schema { fields: &[] };

static RELATIONSHIP: Schema = Schema { fields: &[alternative(1, &VALUE)] };

static METADATA: Schema = Schema {
    fields: &[
        alternative(1, &EMPTY),
        alternative(2, &SEND_PRIVATE_PAYMENT),
        alternative(3, &RECEIVE_PAYMENTS_PRIVATELY),
        alternative(4, &EMPTY),
        alternative(5, &Schema { fields: &[one(1, Kind::Varint)] }),
        alternative(6, &SEND_PUBLIC_PAYMENT),
        alternative(7, &RECEIVE_PAYMENTS_PUBLICLY),
        alternative(8, &Schema { fields: &[part(1, &RELATIONSHIP)] }),
    ],
};

static SEND_PRIVATE_PAYMENT: Schema = Schema {
    fields: &[part(1, &VALUE), part(2, &EXCHANGE_DATA), one(3, Kind::Varint), one(4, Kind::Varint)],
};

static SEND_PUBLIC_PAYMENT: Schema =
    Schema { fields: &[part(1, &VALUE), part(2, &EXCHANGE_DATA), one(3, Kind::Varint), part(4, &VALUE)] };

static RECEIVE_PAYMENTS_PRIVATELY: Schema =
    Schema { fields: &[part(1, &VALUE), one(2, Kind::Varint), one(3, Kind::Varint)] };

static RECEIVE_PAYMENTS_PUBLICLY: Schema = Schema {
    fields: &[
        part(1, &VALUE),
        one(2, Kind::Varint),
        one(3, Kind::Varint),
        one(4, Kind::Varint),
        part(5, &EXCHANGE_DATA),
    ],
};

/// Every action that moves quarks: authority, source, destination, amount.
static TRANSFER: Schema =
    Schema { fields: &[part(1, &VALUE), part(2, &VALUE), part(3, &VALUE), one(4, Kind::Varint)] };

static NO_PRIVACY_WITHDRAW: Schema = Schema {
    fields: &[part(1, &VALUE), part(2, &VALUE), part(3, &VALUE), one(4, Kind::Varint), one(5, Kind::Varint)],
};

static FEE_PAYMENT: Schema = Schema {
    fields: &[part(1, &VALUE), part(2, &VALUE), one(3, Kind::Varint), one(4, Kind::Varint), part(5, &VALUE)],
};

static CLOSE_EMPTY_ACCOUNT: Schema =
    Schema { fields: &[one(1, Kind::Varint), part(2, &VALUE), part(3, &VALUE)] };

static CLOSE_DORMANT_ACCOUNT: Schema =
    Schema { fields: &[one(1, Kind::Varint), part(2, &VALUE), part(3, &VALUE), part(4, &VALUE)] };

/// `code.transaction.v2.OpenAccountAction`; the new authority's signature is field 6.
pub static OPEN_ACCOUNT_ACTION: Schema = Schema {
    fields: &[
        one(1, Kind::Varint),
        part(2, &VALUE),
        one(3, Kind::Varint),
        part(4, &VALUE),
        part(5, &VALUE),
        part(6, &VALUE),
    ],
};

static ACTION: Schema = Schema {
    fields: &[
        one(1, Kind::Varint),
        alternative(2, &OPEN_ACCOUNT_ACTION),
        alternative(3, &CLOSE_EMPTY_ACCOUNT),
        alternative(4, &CLOSE_DORMANT_ACCOUNT),
        alternative(5, &TRANSFER),
        alternative(6, &NO_PRIVACY_WITHDRAW),
        alternative(7, &TRANSFER),
        alternative(8, &TRANSFER),
        alternative(9, &Schema { fields: &[one(1, Kind::Varint)] }),
        alternative(10, &FEE_PAYMENT),
    ],
};

/// `code.transaction.v2.SubmitIntentRequest.SubmitActions`; the owner's signature is field 5.
pub static SUBMIT_ACTIONS: Schema = Schema {
    fields: &[
        part(1, &VALUE),
        part(2, &VALUE),
        part(3, &METADATA),
        many(4, &ACTION),
        part(5, &VALUE),
        part(6, &VALUE),
    ],
};

/// `code.transaction.v2.GetLimitsRequest`; the owner's signature is field 2.
pub static GET_LIMITS: Schema = Schema { fields: &[part(1, &VALUE), part(2, &VALUE), part(3, &TIMESTAMP)] };
