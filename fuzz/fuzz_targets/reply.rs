#![no_main]

#[path = "../../crates/core/tests/corpus/reply.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
