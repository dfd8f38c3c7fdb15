#!/usr/bin/env bash
# Changes the code of some folders of crates/engine/src on purpose, one place at a time, and lists what no test sees.
# Not in CI: a change takes some seconds to build and to test, and there are hundreds of them.
#
#   cargo install cargo-mutants --locked
#   crates/engine/tests/mutants.sh engine driver
#
# First the folder's own unit tests judge each change; what they miss goes to the tests of that crate and of the library, and to the
# simulation's fixed seeds. What is missed then is in target/mutants.out/missed.txt, and the script ends with 2.
# SIMULATION=no leaves the second part out.
set -euo pipefail
cd "$(dirname "$0")/../../.."
[ $# -gt 0 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }

files=() filters=()
for folder in "$@"; do
  files+=(-f "crates/engine/src/$folder.rs" -f "crates/engine/src/$folder/*.rs" -f "crates/engine/src/$folder/*/*.rs")
  filters+=("$folder::")
done
# Tests are no code to be changed, and a loop without an end is a change that was seen.
mutate=(cargo mutants -p batchpost-engine "${files[@]}" --exclude '**/tests.rs' --exclude '**/tests/*' -o target --timeout 120)

# The simulation's other tests take too long for each change.
skipped=()
for tests in claims enumeration interrupts nights outages sharing other_clients; do
  skipped+=(--skip "$tests::")
done

rm -rf target/mutants.out target/mutants.out.old
status=0
"${mutate[@]}" --cargo-arg=--lib -- -- "${filters[@]}" || status=$?
if [ "$status" = 2 ] && [ "${SIMULATION:-yes}" != no ]; then
  status=0
  "${mutate[@]}" --iterate --baseline skip --test-package batchpost-engine,batchpost,batchpost-simulation \
    --cargo-arg=--lib --cargo-arg=--test=all -- -- "${skipped[@]}" || status=$?
fi
exit "$status"
