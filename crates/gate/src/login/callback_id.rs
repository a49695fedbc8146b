//! Identifies callbacks.

use crate::hash::sha256;
use crate::secret::Secret;

/// Names a callback, by its state and its code. A code can be exchanged once, so the same callback again is
/// a second click or a reload, and not another sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackId {
    state: [u8; 32],
    code: [u8; 32],
}

impl CallbackId {
    /// Of a callback whose state was opened: it belongs to the browser that sends it.
    #[must_use]
    pub fn new(state: &[u8], code: &Secret) -> Self {
        Self { state: sha256(&[state]), code: sha256(&[code.expose()]) }
    }

    /// Whether both are of one sign-in, perhaps with different codes.
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
