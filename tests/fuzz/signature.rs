//! Signatures of webhooks: nothing but the exact signature of the exact bytes is accepted.
//!
//! An input is the header, a line feed, and the body.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use whatsapp_endpoint::{
    credentials::{Keys, Secret},
    whatsapp::signature::{SignatureError, SignedBody, sign},
};

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (header, body) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let keys = keys();
    let right = [sign(&keys.app_secret, body), sign(&keys.app_secret_previous, body)];

    assert_eq!(accepts(&keys, Some(header), body), is_one_of(&right, header), "the header as it came");
    assert!(!accepts(&keys, None, body), "no header");
    for right in &right {
        assert!(accepts(&keys, Some(right.as_bytes()), body), "the right signature");
        assert!(!accepts(&Keys::default(), Some(right.as_bytes()), body), "no app secret");
        for (changed_header, changed_body) in changed(right.as_bytes(), body, header) {
            assert!(!accepts(&keys, Some(&changed_header), &changed_body), "the right signature of something else");
        }
    }
});

/// An app secret and the one before it, as in the middle of a rotation.
fn keys() -> Keys {
    let secret = |text: &str| Secret::from(text.to_owned());
    Keys { app_secret: secret("app-secret"), app_secret_previous: secret("app-secret-before"), ..Keys::default() }
}

/// Hex digits count the same in both cases; everything else must be as it is.
fn is_one_of(right: &[String], header: &[u8]) -> bool {
    header.starts_with(b"sha256=") && right.iter().any(|right| right.as_bytes().eq_ignore_ascii_case(header))
}

/// Whether the body is taken for Meta's; checks on the way that it is not changed and that an error tells no signature.
fn accepts(keys: &Keys, header: Option<&[u8]>, body: &[u8]) -> bool {
    match SignedBody::verify(Bytes::copy_from_slice(body), header, keys, true) {
        Ok(signed) => {
            assert_eq!(signed.bytes(), body, "the body is what was checked");
            true
        }
        Err(error) => {
            let right = sign(&keys.app_secret, body);
            assert!(!format!("{error} {error:?}").contains(&right[7..]), "an error never holds a right signature");
            assert_eq!(error == SignatureError::Missing, header.is_none() && keys.app_secret.present().is_some());
            false
        }
    }
}

/// The right signature and its body, one byte of them changed, added or left out; which one and where follows from `choice`.
fn changed(header: &[u8], body: &[u8], choice: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let place = choice.iter().map(|byte| usize::from(*byte)).sum::<usize>();
    let byte = choice.first().copied().unwrap_or(b'0');
    // Odd, so it never changes only the case of a letter.
    let mask = byte | 1;
    let (mut other_header, mut shorter_header, mut other_body) = (header.to_vec(), header.to_vec(), body.to_vec());
    other_header[place % header.len()] ^= mask;
    shorter_header.remove(place % header.len());
    match other_body.len() {
        0 => other_body.push(byte),
        length => other_body[place % length] ^= mask,
    }
    vec![
        (other_header, body.to_vec()),
        (shorter_header, body.to_vec()),
        ([header, &[byte]].concat(), body.to_vec()),
        (header.to_vec(), other_body),
        (header.to_vec(), [body, &[byte]].concat()),
    ]
}
