#![no_main]

#[path = "../../crates/core/tests/corpus/workbook.rs"]
mod check;

libfuzzer_sys::fuzz_target!(
    init: {
        // The usual hook ends the process at every panic, also where the reader makes an error of a parser's. Those of
        // a check are still found: they come out of it.
        std::panic::set_hook(Box::new(|panic| {
            if panic.location().is_some_and(|place| place.file().contains("corpus")) {
                eprintln!("{panic}");
            }
        }));
    },
    |input: &[u8]| check::check(input)
);
