//! A stable pseudonym that does not reveal who a person is.

use crate::{conversation::PhoneNumberId, credentials::Secret};

/// The pseudonym of the person with this `name` at `number`: 32 hex digits, derived from both and from `key`.
///
/// All phone numbers can be tried one after the other, so the key has to be secret.
#[must_use]
pub fn pseudonym(key: &Secret, number: &PhoneNumberId, name: &str) -> String {
    key.pseudonym(&[number.as_str(), name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_lasts_and_follows_from_number_name_and_key() {
        let of = |key: &str, number: &str, name| pseudonym(&Secret::from(key.to_owned()), &number.into(), name);
        let ada = of("key", "800", "15550100200");
        assert_eq!((ada.len(), &ada), (32, &of("key", "800", "15550100200")));
        for other in
            [of("other", "800", "15550100200"), of("key", "801", "15550100200"), of("key", "8001", "5550100200")]
        {
            assert_ne!(other, ada);
        }
    }
}
