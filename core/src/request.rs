//! The request a receiver gets: exact bytes and header names (W10 to W16).
//!
//! The body is the producer's `data` between two constant parts; nothing is parsed or written again.

use crate::id::OrganizationId;

/// `Content-Type` of every request (W10): no charset.
pub const CONTENT_TYPE: &str = "application/json";
/// The default name of the header with the platform's own signature (W14).
pub const VOMO_SIGNATURE: &str = "vomo-signature";
/// The delivery's id: the same on every try (W15).
pub const WEBHOOK_ID: &str = "webhook-id";
/// Seconds of this try (W15).
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// Standard Webhooks signatures, newest secret first (W15, W21).
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// The body of a delivery: one object with exactly `type`, `organization_id`, `data`, in this order (W11).
///
/// `organization` is the recipient's (W12); `data` is a compact JSON object, taken over byte for byte (W13).
pub fn body(wire_type: &str, organization: OrganizationId, data: &[u8]) -> Vec<u8> {
    let mut digits = [0_u8; 20];
    let digits = decimal(organization.get().unsigned_abs(), &mut digits);
    let mut out = Vec::with_capacity(40 + wire_type.len() + digits.len() + data.len());
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(wire_type.as_bytes());
    out.extend_from_slice(b"\",\"organization_id\":");
    out.extend_from_slice(digits);
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(data);
    out.push(b'}');
    out
}

/// Writes a number in decimal into the end of `buffer` and returns that part.
pub fn decimal(mut value: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut first = buffer.len();
    for (place, slot) in buffer.iter_mut().enumerate().rev() {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
        first = place;
        if value == 0 {
            break;
        }
    }
    buffer.get(first..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn w11_w12_w13_the_body_is_three_keys_in_order_and_data_is_untouched() {
        let data = br#"{"big":12345678901234567890123,"float":10.0,"exp":1E400,"esc":"\u00e9\/"}"#;
        let made = body(
            "project.public.updated",
            OrganizationId::new(9_001).unwrap(),
            data,
        );
        let wanted =
            br#"{"type":"project.public.updated","organization_id":9001,"data":{"big":12345678901234567890123,"float":10.0,"exp":1E400,"esc":"\u00e9\/"}}"#;
        assert_eq!(made, wanted);
    }

    #[test]
    fn numbers_are_written_in_full() {
        for value in [0, 7, 10, 4_417, (1 << 53) - 1, u64::MAX] {
            assert_eq!(decimal(value, &mut [0; 20]), value.to_string().as_bytes());
        }
    }
}
