#!/bin/sh
# Checks that the files in monitoring/ match the module:
#
#   alerts.yml               is valid, and fires as stated in alerts.test.yml
#   grafana-dashboard.json   its queries are valid
#   both of these            use metrics, labels and words that the exposition has (ci/queries.py)
#   fail2ban/                finds the flooders in sample.log and nobody else, is a valid jail, and knows the
#                            format of log lines and the reasons in the sources
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
queries=$made/queries.yml
filter=monitoring/fail2ban/filter.d/nginx-authentik.conf
sample=monitoring/fail2ban/sample.log

main() {
    promtool check rules monitoring/alerts.yml >/dev/null
    promtool test rules monitoring/alerts.test.yml >/dev/null
    python3 ci/queries.py "$queries"
    # The dashboard's queries, as rules.
    promtool check rules "$queries" >/dev/null

    sample_is_real
    floods
    jail
    echo "monitoring: $(grep -c -- '- alert:' monitoring/alerts.yml) alerts, $(grep -c record: "$queries") queries" \
        "of the dashboard and $(wc -l <"$made/floods") lines of floods fit"
}

# In sample.log the flooders have two addresses, which nobody else has.
floods() {
    grep -oE ', client: (192\.0\.2\.66|2001:db8::66), server:' $sample | cut -d ' ' -f 3 | tr -d , >"$made/floods"
    [ -s "$made/floods" ] || fail "monitoring: nobody floods in $sample"
    fail2ban-regex --out ip $sample $filter >"$made/found"
    diff -u "$made/floods" "$made/found" >&2 || fail "monitoring: $filter does not find (-) or wrongly finds (+) these in $sample"
}

# The sources must write the texts of these lines.
sample_is_real() {
    grep -oE 'authentik: [a-z -]+, reason: [a-z-]+, provider: "[^"]*"' $sample >"$made/lines"
    [ -s "$made/lines" ] || fail "monitoring: no line with a reason was found in $sample"
    sed 's/^authentik: \(.*\), reason: .*/\1/' "$made/lines" | sort -u | while read -r words; do
        grep -rqF --include='*.rs' "\"$words" src || fail "monitoring: the sources do not log \"$words\" (in $sample)"
    done
    { sed 's/.* reason: \([a-z-]*\),.*/\1/' "$made/lines"; filter_reasons; } | sort -u | while read -r reason; do
        grep -q "\"$reason" crates/gate/src/reason.rs || fail "monitoring: there is no reason $reason (in $sample or $filter)"
    done
    for form in '{status}, reason: {code}, provider: \"{provider}\"{separator}{detail}' \
        'sign-in failed, reason: {code}, provider: \"{name}\"{separator}{detail}'; do
        grep -qF "$form" src/request/answers.rs || fail "monitoring: src/request/answers.rs no longer logs $form:" \
            "$filter and $sample must follow"
    done
    grep -qF '"too many questions to authentik are waiting"' crates/gate/src/http.rs ||
        fail "monitoring: the detail of \"overloaded\" has changed: $filter and $sample must follow"
}

filter_reasons() {
    sed -n 's/.*\^\((?:\)\{0,1\}\([a-z|-]*\).*, provider.*/\2/p' $filter | tr '|' '\n'
    grep -o '|[a-z-]*)' $filter | tr -d '|)' | grep -e -
}

# In a copy, with an existing log; does not contact the server.
jail() {
    cp -R /etc/fail2ban "$made/fail2ban"
    rm -rf "$made/fail2ban/jail.local" "$made/fail2ban/jail.d"
    cp -R monitoring/fail2ban/*.d "$made/fail2ban/"
    sed -i "s,^logpath .*,logpath = $root/$sample," "$made/fail2ban/jail.d/nginx-authentik.conf"
    fail2ban-client -c "$made/fail2ban" --test >"$made/jail" 2>&1 || fail "monitoring: $(cat "$made/jail")"
    fail2ban-client -c "$made/fail2ban" -d 2>/dev/null | grep -q "'start', 'nginx-authentik'" ||
        fail "monitoring: fail2ban does not start the jail nginx-authentik"
}

main
