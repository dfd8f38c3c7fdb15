#![no_main]

#[path = "../../crates/core/tests/corpus/ledger.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
