#![no_main]

#[path = "../../crates/core/tests/corpus/workbook.rs"]
mod check;

libfuzzer_sys::fuzz_target!(
    init: {
        // The default hook ends the process on every panic, even if the reader converts a parser's panic into
        // an error. Panics of the check itself are still found, because nothing catches them.
        std::panic::set_hook(Box::new(|panic| {
            if panic.location().is_some_and(|place| place.file().contains("corpus")) {
                eprintln!("{panic}");
            }
        }));
    },
    |input: &[u8]| check::check(input)
);
