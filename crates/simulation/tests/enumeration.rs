//! Small batches, cut off in every way, and again in every way while they recover.

use batchpost_sandbox::Fault;
use batchpost_simulation::{Scenario, enumerate};

/// Three rows over two tickets, with these faults for the first requests.
fn small(seed: u64, faults: &[Option<Fault>]) -> Scenario {
    let mut scenario = Scenario { faults: faults.to_vec(), ..Scenario::calm(seed, [1, 2, 1]) };
    scenario.settings.max_attempts = 3;
    scenario
}

#[test]
fn no_way_of_cutting_a_small_batch_off_loses_or_doubles_a_row() {
    let scripts: [&[Option<Fault>]; 6] = [
        &[],
        &[Some(Fault::ServerError)],
        &[None, Some(Fault::Reset)],
        &[None, Some(Fault::Limited), Some(Fault::ServerErrorCreated)],
        &[Some(Fault::Silence), None, Some(Fault::BadRequest)],
        &[None, Some(Fault::Unauthorized)],
    ];
    let (mut images, mut crashes) = (0, 0);
    for (seed, script) in (0..).zip(scripts) {
        match enumerate(&small(seed, script)) {
            Ok(enumerated) => {
                images += enumerated.images;
                crashes += enumerated.crashes;
            }
            Err(found) => panic!("seed {seed}, faults {script:?}:\n{found}"),
        }
    }
    println!("{images} images, {crashes} crashes");
    assert!(images > 10_000, "only {images} images");
}
