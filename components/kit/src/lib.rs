//! What every HTTP component shares.
