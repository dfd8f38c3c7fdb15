#!/usr/bin/env bash
# Prints the name, version and license of each crate that the binary links, then the license texts from the crates' sources.
# Reads Cargo.lock and the sources that a build has fetched; uses no network. Needs jq.
#
#     packaging/notices.sh [TARGET] > NOTICE.third-party
set -euo pipefail
export LC_ALL=C # sort and join must agree on the order
cd "$(dirname "$0")/.."
target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/texts"

# cargo tree knows what is linked: no macros, build scripts or tests, and only the features in use. cargo metadata knows where
# each source is.
cargo tree --package batchpost-cli --locked --offline --target "$target" --edges normal,no-proc-macro --prefix none --no-dedupe \
  --format '{p}' | sed -n 's/^\([^ ]* v[^ ]*\)$/\1/p' | sort -u >"$work/linked"
cargo metadata --format-version 1 --locked --offline --filter-platform "$target" |
  jq -r '.packages[] | select(.source) | [.name + " v" + .version, .license // "see its text", .manifest_path] | join("|")' |
  sort >"$work/sources"
# join would leave out silently what only cargo tree names.
missing=$(join -t '|' -v 1 "$work/linked" "$work/sources")
[ -z "$missing" ] || { echo "no source found of: $missing" >&2; exit 1; }

# The license texts of a crate, by name; the names differ in case and ending.
texts() {
  find "$1" -maxdepth 2 -type f \( -ipath "$1/licen[sc]e*" -o -ipath "$1/copying*" -o -ipath "$1/copyright*" \
    -o -ipath "$1/notice*" -o -ipath "$1/unlicense*" -o -ipath "$1/*-license*" \) ! -name '*.rs' ! -name '*.toml' | sort
}

printf 'batchpost links the Rust standard library (MIT OR Apache-2.0) and these crates.\n'
printf 'The numbers name the texts below; many crates share one.\n\n'
declare -A numbers=()
without=()
while IFS='|' read -r crate license manifest; do
  used=
  while IFS= read -r file; do
    sum=$(tr -d '\r' <"$file" | sha256sum)
    if [ -z "${numbers[$sum]:-}" ]; then
      numbers[$sum]=$((${#numbers[@]} + 1))
      tr -d '\r' <"$file" >"$work/texts/${numbers[$sum]}"
    fi
    case ", $used," in *", ${numbers[$sum]},"*) ;; *) used=${used:+$used, }${numbers[$sum]} ;; esac
  done < <(texts "$(dirname "$manifest")")
  if [ -n "$used" ]; then used="text $used"; else used='no text in its package' without+=("$crate"); fi
  printf '%s: %s (%s)\n' "$crate" "$license" "$used"
done < <(join -t '|' "$work/linked" "$work/sources")

for number in $(seq ${#numbers[@]}); do
  printf '\n======== text %s ========\n\n' "$number"
  cat "$work/texts/$number"
done
[ ${#without[@]} -eq 0 ] || echo "without a license text in their packages: ${without[*]}" >&2
