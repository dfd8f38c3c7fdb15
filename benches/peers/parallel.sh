#!/usr/bin/env bash
# GNU parallel and curl, as their manuals would have it: starts spaced evenly, a job log to go on from, curl's own
# retries for what it knows to be transient (429 with its Retry-After among it).
# usage: parallel.sh URL ROWS.csv STATE (limited|free)
set -euo pipefail
export URL=$1
rows=$2 state=$3 pace=$4

post() {
  jq -n --arg text "$2" --argjson ticket "$1" \
    '{TextPart: $text, ActivityType: "CreateInternalNote", StorageType: "Permament", RelatedTicketId: $ticket}' |
    curl --silent --show-error --fail --max-time 30 --retry 5 \
      -H "X-LSQ-ACCESS-KEY: $LSQ_ACCESS_KEY" -H "X-LSQ-SECRET-KEY: $LSQ_SECRET_KEY" \
      -H 'Content-Type: application/json' --data-binary @- "$URL" |
    grep -q '"Activity Created"'
}
export -f post

case $pace in
  limited) options=(--jobs 25 --delay 0.2) ;;
  free) options=(--jobs 16) ;;
esac
# What the log does not have as done is sent again.
[ -s "$state/joblog" ] && options+=(--resume-failed)
parallel --will-cite --csv --header : --joblog "$state/joblog" "${options[@]}" \
  post '{1}' '{2}' :::: "$rows" 2>"$state/errors" || true
