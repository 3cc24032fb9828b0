use crate::support::play::Case;
pub fn cases() -> Vec<Case> { vec![] }
