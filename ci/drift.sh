#!/bin/sh
# Checks that what is written in two places agrees, in both directions:
#
#   directives in src/conf/directives.rs     headings in docs/directives.md
#   keys in src/conf/{provider,outpost}.rs   headings of the fourth level there
#   both of these                            lines of nginx-conf/annotated.conf
#   names in src/request/variables.rs        rows of the table of variables there
#   codes in crates/gate/src/reason.rs       headings in docs/reasons.md
#   tests                                    names in docs/security.md and docs/living-together.md
#                                            (this direction only)
#   sections that sources refer to           headings in docs/protocol.md (this direction only)
#   links in the documents                   files and headings (this direction only)
#   attacks S01 to S50                       rows of the tables in docs/security.md, each with a test
#   targets in .github/workflows             targets of the Makefile (this direction only)
#   keys with a secret, or its file          secrets named in the form for problems (this direction only)
#   nginx's structures in crates/nginx/src   rows in its build/layout.rs; for their fields see ci/fence
#
# An empty list is an error: the check has lost its input.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
drifted=

main() {
    directives src/conf/directives.rs >"$lists/directives"
    headings docs/directives.md 'authentik_[a-z_]*' >"$lists/directives.md"
    agree directive "$lists/directives" src/conf/directives.rs "$lists/directives.md" docs/directives.md

    { keys src/conf/provider.rs && keys src/conf/outpost.rs; } | sort -u >"$lists/keys"
    sed -n '/^#### /p' docs/directives.md | grep -o '`[a-z_]*`' | tr -d '`' | sort -u >"$lists/keys.md"
    agree key "$lists/keys" "src/conf" "$lists/keys.md" docs/directives.md

    sort -u "$lists/directives" "$lists/keys" >"$lists/configured"
    annotated nginx-conf/annotated.conf | sort -u >"$lists/annotated"
    agree "directive or key" "$lists/configured" src/conf "$lists/annotated" nginx-conf/annotated.conf

    sed -n 's/.*name: "\(authentik_[a-z_]*\)".*/\1/p' src/request/variables.rs | sort -u >"$lists/variables"
    sed -n 's/^| `$\(authentik_[a-z_]*\)` |.*/\1/p' docs/directives.md | sort -u >"$lists/variables.md"
    agree variable "$lists/variables" src/request/variables.rs "$lists/variables.md" docs/directives.md

    reasons crates/gate/src/reason.rs >"$lists/reasons"
    headings docs/reasons.md '[a-z0-9-]*' >"$lists/reasons.md"
    agree reason "$lists/reasons" crates/gate/src/reason.rs "$lists/reasons.md" docs/reasons.md

    tests >"$lists/tests"
    [ -s "$lists/tests" ] || lost test "the sources"
    # A name of three or more words; in documents that also name nginx's directives, of five.
    names_tests docs/security.md '_[a-z0-9]*_[a-z0-9_]*'
    names_tests docs/living-together.md '_[a-z0-9]*_[a-z0-9]*_[a-z0-9]*_[a-z0-9_]*'

    sections >"$lists/sections"
    sed -n 's/^###* \([0-9.]*[0-9]\)\.* .*/\1/p' docs/protocol.md | sort -u >"$lists/sections.md"
    [ -s "$lists/sections" ] || lost section "the sources"
    comm -23 "$lists/sections" "$lists/sections.md" |
        sed 's,.*,drift: docs/protocol.md has no section & (the sources refer to it),' >"$lists/drift"
    report

    for page in ./*.md docs/*.md; do links "$page"; done >"$lists/links"
    [ -s "$lists/links" ] || lost link "the documents"
    dead "$lists/links" >"$lists/drift"
    report

    seq -f 'S%02.0f' 1 50 >"$lists/attacks"
    proved docs/security.md >"$lists/attacks.md"
    agree attack "$lists/attacks" "the list of attacks" "$lists/attacks.md" docs/security.md

    for flow in .github/workflows/*.yml; do
        sed -n 's/^ *target: \[\(.*\)\]$/\1/p' "$flow" | tr -d ' ' | tr ',' '\n' | sort -u >"$lists/targets"
        [ -s "$lists/targets" ] || lost target "$flow"
        sed -n 's/^\([a-z0-9.-]*\):.*/\1/p' Makefile | sort -u | comm -23 "$lists/targets" - |
            sed "s,.*,drift: target \"&\" (in $flow) does not exist in Makefile," >"$lists/drift"
        report
    done

    form=.github/ISSUE_TEMPLATE/problem.yml
    sed -n 's/_file$//p' "$lists/keys" >"$lists/secrets"
    [ -s "$lists/secrets" ] || lost "key that holds a secret" src/conf
    grep -oE '`[a-z_]+`' $form | tr -d '`' | sort -u | comm -23 "$lists/secrets" - |
        sed "s,.*,drift: $form does not say that \"&\" is a secret," >"$lists/drift"
    report

    structures >"$lists/structures"
    grep -o '"ngx_[a-z0-9_]*_t"' crates/nginx/build/layout.rs | tr -d '"' | sort -u >"$lists/layout"
    [ -s "$lists/structures" ] || lost structure crates/nginx/src
    comm -23 "$lists/structures" "$lists/layout" |
        sed 's,.*,drift: structure "&" (in crates/nginx/src) has no row in crates/nginx/build/layout.rs,' >"$lists/drift"
    report

    [ -z "$drifted" ] || exit 1
    cd "$lists"
    echo "drift: none in $(cat directives keys variables reasons proofs.* sections attacks structures | wc -l) names"
}

# The names in the table of directives: string literals outside comments.
directives() {
    sed 's,//.*,,' "$1" | grep -o '"authentik_[a-z_]*"' | tr -d '"' | sort -u
}

# The array KEYS: every key of a block.
keys() {
    sed -n '/^const KEYS: /,/];/p' "$1" | sed 's,//.*,,' | grep -o '"[a-z_]*"' | tr -d '"' | sort -u
}

# First words of lines that configure the module, active or commented out: directives, and the
# contents of their blocks. nginx's own directives are excluded.
annotated() {
    sed -n 's/^[ #]*\([a-z][a-z_]*\) [^#]*[;{]$/\1/p' "$1" | sort -u |
        grep -vxE 'server|listen|server_name|ssl_certificate(_key)?|location|proxy_(pass|set_header)|allow|deny'
    # Alternatives to another key of the same block.
    grep -o '([^()]*: [a-z_]* STRING;)' "$1" | sed 's/.*: \([a-z_]*\) .*/\1/' | sort -u
}

# The codes in the map `reply`: the only literals in it that are lower case and have no space.
reasons() {
    sed -n '/ fn reply(/,/^    }$/p' "$1" | sed 's,//.*,,' | grep -o '"[a-z0-9-]*"' | tr -d '"' |
        sort -u
}

# Names of nginx's types in the fence, except number types and aliases.
structures() {
    cat crates/nginx/src/*.rs | sed 's,//.*,,' | grep -o '\bngx_[a-z0-9_]*_t\b' | sort -u |
        grep -vxE 'ngx_(int|uint|msec|http_variable_value)_t'
}

# Functions after `#[test]`.
tests() {
    grep -rhA 3 --include='*.rs' '#\[test\]' crates src tests interleavings | sed -n 's/^ *fn \([a-z0-9_]*\)().*/\1/p' |
        sort -u
}

# Sections of docs/protocol.md that comments refer to, as in `docs/protocol.md §1.2, §3`.
sections() {
    grep -rhoE --include='*.rs' 'docs/protocol\.md §[0-9.]+(,? (and )?§[0-9.]+)*' crates src tests |
        grep -oE '§[0-9]+(\.[0-9]+)*' | tr -d '§' | sort -u
}

# A document without its code blocks.
prose() {
    awk '/^```/ { code = !code; next } !code' "$1"
}

# Page, file and anchor of each local link in a document; the file is the page itself if the link
# has none.
links() {
    prose "$1" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//' | grep -vE '^[a-z]+:' | sort -u |
        while IFS='#' read -r file anchor; do
            if [ -n "$file" ]; then file=$(dirname "$1")/$file; else file=$1; fi
            echo "$1 $file $anchor"
        done
}

# The links in such a list that lead nowhere.
dead() {
    while read -r page file anchor; do
        if [ ! -e "$file" ]; then
            echo "drift: $page links to $file, which does not exist"
        elif [ -n "$anchor" ] && ! anchors "$file" | grep -qxF -- "$anchor"; then
            echo "drift: $page links to $file#$anchor, but there is no such heading"
        fi
    done <"$1"
}

# The anchors of a document's headings.
anchors() {
    prose "$1" | sed -n 's/^##* //p' | tr -d '`' | tr 'A-Z' 'a-z' | LC_ALL=C sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# $1: a page that names tests; $2: pattern for their names after the first word.
names_tests() {
    list=$lists/proofs.$(basename "$1")
    grep -o "\`[a-z0-9]*$2\`" "$1" | tr -d '`' | sort -u >"$list"
    [ -s "$list" ] || lost test "$1"
    comm -23 "$list" "$lists/tests" | sed "s,.*,drift: test \"&\" (in $1) does not exist," >"$lists/drift"
    report
}

# Table rows that start with the number of an attack and name a test.
proved() {
    sed -n 's/^| \(S[0-9]*\) |.*`[a-z0-9]*_[a-z0-9]*_[a-z0-9_]*`.*|$/\1/p' "$1" | sort
}

# Headings of the second or third level that start with a name in backquotes.
headings() {
    sed -n "s/^###* \`\($2\)\`.*/\1/p" "$1" | sort -u
}

# $1: the kind of name; then list and origin, twice.
agree() {
    [ -s "$2" ] || lost "$1" "$3"
    [ -s "$4" ] || lost "$1" "$5"
    comm -23 "$2" "$4" | sed "s,.*,drift: $1 \"&\" (in $3) is missing in $5," >"$lists/drift"
    comm -13 "$2" "$4" | sed "s,.*,drift: $1 \"&\" (in $5) does not exist in $3," >>"$lists/drift"
    report
}

report() {
    if [ -s "$lists/drift" ]; then
        cat "$lists/drift" >&2
        drifted=yes
    fi
}

lost() {
    fail "drift: no $1 was found in $2; has its form changed? Then ci/drift.sh must follow."
}

main
