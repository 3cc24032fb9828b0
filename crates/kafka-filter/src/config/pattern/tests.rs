//! What a pattern matches, what it may not be, and that no value makes it slow.
