#!/usr/bin/env bash
# newman, one row after the other, 200 ms between them. It keeps no record to go on from: its rows are numbered as they
# come, and what its output does not show as done is sent again.
# usage: newman.sh URL ROWS.csv STATE (limited|free)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
url=$1 rows=$2 state=$3 pace=$4
touch "$state/done"
# The header, and the rows whose tickets are not among those that were printed as done.
awk -F, 'FILENAME == ARGV[1] { done[$1] = 1; next } FNR == 1 || !($1 in done)' "$state/done" "$rows" >"$state/rest.csv"
delay=$([ "$pace" = limited ] && echo 200 || echo 0)
newman run "$here/newman.json" --iteration-data "$state/rest.csv" --delay-request "$delay" --timeout-request 30000 \
  --env-var "url=$url" --env-var "access=$LSQ_ACCESS_KEY" --env-var "secret=$LSQ_SECRET_KEY" \
  --reporters cli --color off >"$state/out" 2>&1 || true
sed -n "s/.*posted \([0-9][0-9]*\).*/\1/p" "$state/out" >>"$state/done"
