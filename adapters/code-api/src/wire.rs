//! Protobuf messages as the bytes they arrived in, for the sake of signatures (protocol e.1).
//!
//! A signature covers bytes, and decoding throws bytes away. So what was signed is cut out of what was received, untouched.
//! Some clients sign another order of the same fields than the one they send; those orders are made here too.

use thiserror::Error;

use crate::schema::{Kind, Schema};

/// The most fields one message may have. The largest honest message, a stream answer with 1024 letters, stays below.
pub const MAX_FIELDS: usize = 2048;

/// Why bytes are not a message, or not one whose signed part can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// The bytes end within a field.
    #[error("expected more bytes: the message ends within a field")]
    Truncated,
    /// More than ten bytes, or more than 64 bits.
    #[error("expected a varint of at most 64 bits")]
    Varint,
    /// Zero, or above 2^29 - 1.
    #[error("expected a field number from 1 to 536870911")]
    FieldNumber,
    /// A group, which proto3 does not have, or a number no wire type has.
    #[error("field {field}: expected wire type 0, 1, 2 or 5, got {got}")]
    WireType {
        /// The field's number.
        field: u32,
        /// What stood in the three bits.
        got: u8,
    },
    /// More than [`MAX_FIELDS`].
    #[error("expected at most {MAX_FIELDS} fields in one message")]
    TooManyFields,
    /// A field that has to be there is not.
    #[error("field {0}: expected once, is missing")]
    Missing(u32),
    /// A field that may be there once is there again. Decoders would merge the two, and nobody signed the merged one.
    #[error("field {0}: expected once, is there several times")]
    Repeated(u32),
    /// A field that has to be a message or bytes is a number.
    #[error("field {0}: expected length-delimited bytes")]
    NotDelimited(u32),
}

/// What follows a field's tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1: eight bytes.
    Fixed64(&'a [u8]),
    /// Wire type 2: a message, a string or bytes, without the length.
    Delimited(&'a [u8]),
    /// Wire type 5: four bytes.
    Fixed32(&'a [u8]),
}

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// 1 to 2^29 - 1.
    pub number: u32,
    /// What it holds.
    pub value: Value<'a>,
    /// Tag and value as they arrived.
    pub raw: &'a [u8],
}

/// Splits a message into its fields, in the order they arrived.
///
/// # Errors
///
/// When the bytes are not a message, hold a group, or have more than [`MAX_FIELDS`] fields.
pub fn fields(message: &[u8]) -> Result<Vec<Field<'_>>, WireError> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        if fields.len() == MAX_FIELDS {
            return Err(WireError::TooManyFields);
        }
        let (field, after) = first_field(rest)?;
        fields.push(field);
        rest = after;
    }
    Ok(fields)
}

/// The bytes of a sub-message (or of a string or bytes), untouched.
///
/// # Errors
///
/// When the field is missing, there several times, or a number; or as [`fields`].
pub fn sub_message(message: &[u8], number: u32) -> Result<&[u8], WireError> {
    let mut found = None;
    for field in fields(message)? {
        if field.number == number {
            match field.value {
                Value::Delimited(_) if found.is_some() => return Err(WireError::Repeated(number)),
                Value::Delimited(bytes) => found = Some(bytes),
                _ => return Err(WireError::NotDelimited(number)),
            }
        }
    }
    found.ok_or(WireError::Missing(number))
}

/// The message with every occurrence of one field cut out and all else untouched.
///
/// # Errors
///
/// As [`fields`].
pub fn without_field(message: &[u8], number: u32) -> Result<Vec<u8>, WireError> {
    let kept = fields(message)?.into_iter().filter(|field| field.number != number);
    Ok(kept.flat_map(|field| field.raw).copied().collect())
}

/// The order in which an encoder writes the fields of a message. Unknown fields come last in either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By field number: the JavaScript, Python and PHP SDKs.
    Ascending,
    /// By field number, but the member of a oneof after all other fields: Go.
    Go,
}

/// Writes a message the way an encoder with this order would, known fields in their shortest form and defaults left out.
/// `None` when decoders could read two things in it: a single field there twice, or two members of one oneof. Which of the
/// two counts depends on the order, so such a message keeps its own.
///
/// # Errors
///
/// As [`fields`].
pub fn reordered(message: &[u8], schema: &Schema, order: Order) -> Result<Option<Vec<u8>>, WireError> {
    let fields = fields(message)?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let (mut seen, mut oneof_taken) = (Vec::new(), false);
    for field in &fields {
        let Some(spec) = schema.field(field.number).filter(|spec| spec.kind.holds(&field.value)) else {
            unknown.extend_from_slice(field.raw);
            continue;
        };
        if !spec.repeated && (seen.contains(&field.number) || (spec.in_oneof && oneof_taken)) {
            return Ok(None);
        }
        seen.push(field.number);
        oneof_taken |= spec.in_oneof;
        let value = match (spec.kind, field.value) {
            (Kind::Message(inner), Value::Delimited(bytes)) => {
                // Schemas do not contain themselves, so this ends, however deep the bytes are nested.
                match reordered(bytes, inner, order)? {
                    Some(bytes) => delimited(field.number, &bytes),
                    None => return Ok(None),
                }
            }
            (_, Value::Delimited(bytes)) if bytes.is_empty() && !spec.keeps_default() => continue,
            (_, Value::Delimited(bytes)) => delimited(field.number, bytes),
            (_, Value::Varint(0)) if !spec.keeps_default() => continue,
            (_, Value::Varint(number)) => {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, u64::from(field.number) << 3);
                put_varint(&mut bytes, number);
                bytes
            }
            (_, Value::Fixed64(bytes)) if bytes == [0; 8] && !spec.keeps_default() => continue,
            (_, Value::Fixed64(bytes)) => tagged(field.number, 1, bytes),
            (_, Value::Fixed32(bytes)) => tagged(field.number, 5, bytes),
        };
        let late = order == Order::Go && spec.in_oneof;
        known.push(((late, field.number), value));
    }
    // A stable sort: the elements of a repeated field stay in their order.
    known.sort_by_key(|(place, _)| *place);
    let mut bytes: Vec<u8> = known.into_iter().flat_map(|(_, value)| value).collect();
    bytes.append(&mut unknown);
    Ok(Some(bytes))
}

/// The byte strings a signature over this message may cover, without repetition: as it arrived, ascending, Go's. At least
/// one, at most three. `signature_field` is the one the message keeps its own signature in, which is never covered.
///
/// # Errors
///
/// As [`fields`].
pub fn signed_candidates(
    message: &[u8],
    schema: &Schema,
    signature_field: Option<u32>,
) -> Result<Vec<Vec<u8>>, WireError> {
    let raw = match signature_field {
        Some(number) => without_field(message, number)?,
        None => fields(message).map(|_| message.to_vec())?,
    };
    let mut candidates = vec![raw];
    for order in [Order::Ascending, Order::Go] {
        if let Some(bytes) = reordered(&candidates[0], schema, order)?
            && !candidates.contains(&bytes)
        {
            candidates.push(bytes);
        }
    }
    Ok(candidates)
}

/// A field that holds a message, a string or bytes.
pub fn delimited(number: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 10);
    put_varint(&mut bytes, (u64::from(number) << 3) | 2);
    put_varint(&mut bytes, value.len() as u64);
    bytes.extend_from_slice(value);
    bytes
}

fn tagged(number: u32, wire_type: u64, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 5);
    put_varint(&mut bytes, (u64::from(number) << 3) | wire_type);
    bytes.extend_from_slice(value);
    bytes
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn first_field(message: &[u8]) -> Result<(Field<'_>, &[u8]), WireError> {
    let (tag, rest) = varint(message)?;
    let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
    let number = number.ok_or(WireError::FieldNumber)?;
    let (value, rest) = match tag.to_le_bytes()[0] & 7 {
        0 => varint(rest).map(|(value, rest)| (Value::Varint(value), rest))?,
        1 => take(rest, 8).map(|(value, rest)| (Value::Fixed64(value), rest))?,
        2 => {
            let (len, rest) = varint(rest)?;
            let len = usize::try_from(len).map_err(|_| WireError::Truncated)?;
            take(rest, len).map(|(value, rest)| (Value::Delimited(value), rest))?
        }
        5 => take(rest, 4).map(|(value, rest)| (Value::Fixed32(value), rest))?,
        got => return Err(WireError::WireType { field: number, got }),
    };
    let raw = &message[..message.len() - rest.len()];
    Ok((Field { number, value, raw }, rest))
}

fn take(bytes: &[u8], len: usize) -> Result<(&[u8], &[u8]), WireError> {
    bytes.split_at_checked(len).ok_or(WireError::Truncated)
}

fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), WireError> {
    let mut number = 0;
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        let part = u64::from(byte & 0x7f);
        if place == 9 && part > 1 {
            return Err(WireError::Varint);
        }
        number |= part << (7 * place);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[place + 1..]));
        }
    }
    Err(if bytes.len() < 10 { WireError::Truncated } else { WireError::Varint })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
