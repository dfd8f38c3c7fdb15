#![no_main]

#[path = "../../crates/core/tests/corpus/template.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
