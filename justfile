# `just` alone lists these. Arguments come after the name: `just simulate 0..1000000`.

default:
    @just --list

# Everything that must hold for main; ten to fifteen minutes from a clean checkout
check:
    .ci/run

# The whole test suite
test:
    cargo test --workspace

# Unit tests only: the loop while you edit
fast *filter:
    cargo test -p batchpost-sheets -p batchpost-engine -p batchpost-apis -p batchpost -p batchpost-web -p batchpost-cli --lib --bins -- {{filter}}

# Simulated histories, by a range of seeds
simulate seeds="0..100000":
    cargo run --release -p batchpost-simulation --locked -- --seeds {{seeds}}

# One seed again, step by step
replay seed:
    cargo run --release -p batchpost-simulation --locked -- --seed {{seed}} -v

# The built binary against real servers
e2e *filter:
    cargo test -p batchpost-cli --test e2e -- {{filter}}

# Accept changed snapshots after reading the difference
snapshots *filter:
    INSTA_UPDATE=always cargo test -p batchpost-cli -p batchpost-web --test e2e --test page -- {{filter}}
    git diff --stat -- '*.snap'

# Fuzz a parser; needs a nightly toolchain and cargo-fuzz
fuzz target="rows" seconds="60":
    cd fuzz && cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}

# Criterion benches
bench *filter:
    cargo bench -p batchpost-benches -- {{filter}}

# Change the code of some folders of crates/engine/src on purpose, and list what no test sees
mutants +folders:
    crates/engine/tests/mutants.sh {{folders}}

# 1,000 real SIGKILLs over small batches
kills *arguments:
    cargo run --release -p batchpost-cli --example kills -- {{arguments}}
