//! Which rule counts, what it makes of a value, and how long that may be.
