//! The verification that receivers use.

use tidings_core::signature::{Delivered, SigningKey, VerifyError, verify_standard, verify_vomo};

const NOW: i64 = 1_767_225_600;
const TOLERANCE: u32 = 300;

/// Only the right signature is taken: whatever the header says, it is taken exactly if one of its parts is the one that
/// we would make; and what we make is taken.
///
/// The input: `secret \n id \n timestamp \n vomo-signature \n webhook-signature \n body`. In a signature, `{}` stands for
/// the right one.
pub fn signature(data: &[u8]) {
    let mut parts = data.splitn(6, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let secret = next();
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (Some(id), Some(timestamp), Some(vomo), Some(standard)) =
        (text(next()), text(next()), text(next()), text(next()))
    else {
        return;
    };
    let body = next();
    let key = SigningKey::new(secret);
    let right = key.vomo(body);
    let vomo = vomo.replace("{}", right.as_str());
    let verdict = verify_vomo(secret, body, &vomo);
    assert_eq!(verdict.is_ok(), vomo == right.as_str(), "{vomo}");
    assert_eq!(verify_vomo(secret, body, right.as_str()), Ok(()));

    // Read here in another way than there: as a number that prints back as the same text.
    let seconds = timestamp.parse::<i64>().ok();
    let plain = seconds.filter(|seconds| *seconds >= 0 && seconds.to_string() == timestamp);
    let right = key.standard(id, plain.unwrap_or_default(), body);
    let offered = standard.replace("{}", right.as_str());
    let delivered = Delivered {
        id,
        timestamp,
        signature: &offered,
        body,
    };
    let verdict = verify_standard(secret, &delivered, NOW, TOLERANCE);
    let is_recent = plain.is_some_and(|at| at.abs_diff(NOW) <= u64::from(TOLERANCE));
    let signatures: Vec<&str> = offered.split(' ').collect();
    let wanted = is_recent
        && !id.is_empty()
        && !id.contains('.')
        && signatures.len() <= 16
        && signatures.contains(&right.as_str());
    assert_eq!(verdict.is_ok(), wanted, "{verdict:?}: {offered}");
    if plain.is_none() && !id.is_empty() && !id.contains('.') {
        assert_eq!(verdict, Err(VerifyError::MalformedTimestamp));
    }
}
