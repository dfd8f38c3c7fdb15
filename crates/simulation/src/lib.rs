//! The engine against the sandbox's model on a virtual clock, by seed.
