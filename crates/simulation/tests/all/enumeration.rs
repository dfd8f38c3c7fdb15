//! Small batches, cut off in every way, and again in every way during recovery.

use batchpost_sandbox::Fault;
use batchpost_simulation::{Scenario, enumerate};

/// Enumerates three rows over two tickets, with these faults for the first requests. Returns the number of
/// images.
fn cut_off(seed: u64, faults: &[Option<Fault>]) -> u64 {
    let mut scenario = Scenario { faults: faults.to_vec(), ..Scenario::calm(seed, [1, 2, 1]) };
    scenario.settings.max_attempts = 3;
    match enumerate(&scenario) {
        Ok(enumerated) => enumerated.images,
        Err(found) => panic!("seed {seed}, faults {faults:?}:\n{found}"),
    }
}

#[test]
fn a_batch_that_goes_well_loses_and_doubles_no_row_however_it_is_cut_off() {
    assert!(cut_off(0, &[]) > 3000);
}

#[test]
fn nor_does_one_with_a_row_that_is_tried_again_and_a_reply_that_is_lost() {
    assert!(cut_off(1, &[Some(Fault::ServerError), Some(Fault::Reset)]) > 3000);
}

#[test]
fn nor_one_that_is_limited_and_whose_note_is_created_and_denied() {
    assert!(cut_off(2, &[None, Some(Fault::Limited), Some(Fault::ServerErrorCreated)]) > 3000);
}

#[test]
fn nor_one_with_a_time_out_a_rejection_and_a_stop() {
    assert!(cut_off(3, &[Some(Fault::Silence), Some(Fault::BadRequest), Some(Fault::Unauthorized)]) > 3000);
}
