#!/bin/sh
# Makes a Debian package: the binary, manual pages, completions, documents, the licenses of what the binary links
# (packaging/notices.sh), and packaging/debian/postinst, which makes the group batchpost and its shared state folder. Needs
# cargo-deb (`cargo install cargo-deb`) and jq.
# cargo-deb prints where the package is.
set -eu
cd "$(dirname "$0")/.."
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR # the metadata in crates/cli/Cargo.toml names target/

cargo build --locked --profile dist -p batchpost-cli
binary=target/dist/batchpost
made=packaging/made
rm -rf "$made"
mkdir -p "$made/man" "$made/completions"
"$binary" man --dir "$made/man"
for shell in bash zsh fish; do
    "$binary" completions "$shell" > "$made/completions/$shell"
done
packaging/notices.sh > "$made/NOTICE.third-party"
cargo deb --locked -p batchpost-cli --profile dist --no-build
