#!/bin/sh
# Live gates of scenarios/gate.toml, for a quiet machine: how often each kind passes and fails.
#
#   benches/gate/live.sh [--summary] [FILE]          default: target/gate-live.csv; benches/gate/live.csv has those of METHODOLOGY.md
#
# --summary measures nothing, and prints the tables of FILE: outcomes, blocks, seconds and estimates of each kind.
# Appends a line per gate to FILE and continues where it ended: a line that is there is not measured again. Environment:
# TIDINGS (target/release/tidings), ROUNDS (20), KINDS (all of them), OUT (folder for results, target/gate-live).
# An A/A gate has 3 minutes, as has one with +25 %; the others have 10.
set -eu
cd "$(dirname "$0")/../.."

tidings=${TIDINGS:-target/release/tidings}
rounds=${ROUNDS:-20}
kinds=${KINDS:-aa cpu10 delay10 cpu25 delay25 drop bytes aa-busy}
summary=no
if [ "${1-}" = --summary ]; then summary=yes; shift; fi
case ${1-} in -*) echo "usage: $0 [--summary] [FILE]" >&2; exit 2 ;; esac
file=${1:-target/gate-live.csv}
out=${OUT:-target/gate-live}

if [ "$summary" = yes ] && [ ! -s "$file" ]; then
    echo "$0: $file holds no gates; measure some first: $0 $file" >&2
    exit 2
fi
mkdir -p "$(dirname "$file")"
[ -s "$file" ] || echo "kind,round,outcome,status,blocks,seconds,freshness_change,cpu_change,bytes_change,unusable,folder" > "$file"

busy=""
trap '[ -z "$busy" ] || kill $busy 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

# Of 300 us per write and some 50 us of its own, 10 % are 35 us.
set_of() {
    case $1 in
        aa | aa-busy) echo "--budget 3m --head-set faults.drop=0" ;;
        cpu10) echo "--budget 10m --head-set faults.write_cost=335us" ;;
        cpu25) echo "--budget 3m --head-set faults.write_cost=388us" ;;
        delay10) echo "--budget 10m --head-set faults.delay=5.55ms" ;;
        delay25) echo "--budget 3m --head-set faults.delay=6.36ms" ;;
        drop) echo "--budget 10m --head-set faults.drop=0.001" ;;
        bytes) echo "--budget 10m --head-set faults.padding=2B --tolerance target_sent_bytes_per_delivery=0.5%" ;;
        *) echo "$0: no kind '$1'" >&2; exit 2 ;;
    esac
}

round=1
if [ "$summary" = yes ]; then rounds=0; fi
while [ "$round" -le "$rounds" ]; do
    for kind in $kinds; do
        if grep -q "^$kind,$round," "$file"; then continue; fi
        settings=$(set_of "$kind")
        if [ "$kind" = aa-busy ]; then
            for _ in $(seq "$(nproc)"); do
                sh -c 'while :; do :; done' &
                busy="$busy $!"
            done
        fi
        began=$(date +%s)
        status=0
        # shellcheck disable=SC2086
        "$tidings" gate gate $settings --seed "$((round * 1000 + began % 1000))" --out "$out" --quiet --format json > "$out.json" || status=$?
        ended=$(date +%s)
        if [ -n "$busy" ]; then
            kill $busy 2>/dev/null || true
            wait $busy 2>/dev/null || true
            busy=""
        fi
        # Ctrl-C ends the script, not only the gate.
        if [ "$status" -ge 128 ]; then exit "$status"; fi
        if [ "$status" -eq 2 ]; then
            # Such as a machine so busy that the budget buys too few blocks; standard error has said why.
            echo "$kind,$round,refused,2,,$((ended - began)),,,,," >> "$file"
            continue
        fi
        KIND=$kind ROUND=$round STATUS=$status SECONDS_TAKEN=$((ended - began)) python3 - "$out.json" >> "$file" <<'PYTHON'
import json, os, sys

document = json.load(open(sys.argv[1]))
result = document["result"]
change = {
    claim["metric"]: (claim["finding"] or {}).get("change")
    for claim in result["claims"]
}
shown = lambda metric: "" if change.get(metric) is None else f"{change[metric]:.5f}"
print(",".join(str(cell) for cell in [
    os.environ["KIND"], os.environ["ROUND"], result["outcome"], os.environ["STATUS"], result["blocks"],
    os.environ["SECONDS_TAKEN"], shown("freshness_ns_p50"), shown("target_cpu_ns_per_delivery"),
    shown("target_sent_bytes_per_delivery"), sum(result["unusable"].values()), os.path.basename(document["folder"]),
]))
PYTHON
        tail -n 1 "$file"
    done
    round=$((round + 1))
done

python3 - "$file" <<'PYTHON'
import collections, csv, statistics, sys

rows = list(csv.DictReader(open(sys.argv[1])))
kinds = list(dict.fromkeys(row["kind"] for row in rows))
outcomes = ["pass", "fail", "inconclusive", "machine moved", "refused"]


def span(cells, shown):
    """The median of the cells that are not empty, and the least and the largest."""
    values = [float(cell) for cell in cells if cell]
    if not values:
        return ""
    ends = f" ({shown(min(values))} to {shown(max(values))})" if len(values) > 1 else ""
    return shown(statistics.median(values)) + ends


print("\n| kind | gates | " + " | ".join(outcomes) + " | blocks | seconds | unusable trials |")
print("| --- " * (len(outcomes) + 5) + "|")
for kind in kinds:
    of = [row for row in rows if row["kind"] == kind]
    count = collections.Counter(row["outcome"] for row in of)
    whole = lambda column: span([row[column] for row in of], lambda value: f"{value:.0f}")
    cells = [kind, len(of), *(count[name] for name in outcomes), whole("blocks"), whole("seconds"), whole("unusable")]
    print("| " + " | ".join(str(cell) for cell in cells) + " |")

print("\n| kind | freshness p50 | CPU per delivery | bytes per delivery |\n| --- | --- | --- | --- |")
for kind in kinds:
    of = [row for row in rows if row["kind"] == kind]
    change = lambda column: span([row[column] for row in of], lambda value: f"{100 * value:+.1f} %")
    cells = [kind, *(change(f"{name}_change") for name in ["freshness", "cpu", "bytes"])]
    print("| " + " | ".join(cells) + " |")
PYTHON
