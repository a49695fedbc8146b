#!/bin/sh
# What monitoring/ offers must fit what the module says:
#
#   alerts.yml               is valid, and fires when alerts.test.yml says so
#   grafana-dashboard.json   its queries are valid
#   both of these            ask for metrics, labels and words that the exposition has (ci/queries.py)
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

queries=$(mktemp)
trap 'rm -f "$queries"' EXIT

promtool check rules monitoring/alerts.yml >/dev/null
promtool test rules monitoring/alerts.test.yml >/dev/null
python3 ci/queries.py "$queries"
# Those of the dashboard, as rules.
promtool check rules "$queries" >/dev/null
echo "monitoring: $(grep -c -- '- alert:' monitoring/alerts.yml) alerts and $(grep -c record: "$queries") queries of the dashboard fit"
