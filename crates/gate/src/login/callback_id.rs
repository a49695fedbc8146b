//! Identifies callbacks.

use crate::hash::sha256;
use crate::secret::Secret;

/// Identifies a callback by its state and code. A code can be exchanged only once, so the same
/// callback again is a second click or a reload, not another sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackId {
    state: [u8; 32],
    code: [u8; 32],
}

impl CallbackId {
    /// The id of a callback whose state was opened, i.e. which belongs to the browser that sent it.
    #[must_use]
    pub fn new(state: &[u8], code: &Secret) -> Self {
        Self { state: sha256(&[state]), code: sha256(&[code.expose()]) }
    }

    /// Whether both belong to the same sign-in, perhaps with different codes.
    #[must_use]
    pub fn is_of_same_sign_in(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_may_come_back_with_another_code() {
        let of = |state: &[u8], code: &str| CallbackId::new(state, &Secret::new(code));
        let id = of(b"state", "code");
        assert_eq!(id, of(b"state", "code"));
        for (other, same_sign_in) in [
            (of(b"state", "other"), true),
            (of(b"other", "code"), false),
            (of(b"statec", "ode"), false),
        ] {
            assert_ne!(id, other);
            assert_eq!(id.is_of_same_sign_in(&other), same_sign_in);
        }
    }
}
