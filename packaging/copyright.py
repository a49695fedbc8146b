#!/usr/bin/env python3
"""Writes debian/copyright for the sources with vendored crates: packaging/copyright.py VENDOR >FILE

Machine-readable (DEP-5). A crate whose licence is none of those below stops it.
"""

import re
import sys
import tomllib
from pathlib import Path

HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ngx_http_authentik_module

Files: *
Copyright: 2026 The maintainers of ngx_http_authentik_module
License: Apache-2.0
"""

# Those that Debian has in /usr/share/common-licenses.
COMMON = {
    "Apache-2.0": "Apache-2.0",
    "CC0-1.0": "CC0-1.0",
    "LGPL-2.1-or-later": "LGPL-2.1",
}

# For the others, the words of a crate that has them in a file of their own.
TEXTS = {
    "MIT": "memchr/LICENSE-MIT",
    "ISC": "rustls-webpki/LICENSE",
    "BSD-2-Clause": "zerocopy/LICENSE-BSD",
    "BSD-3-Clause": "subtle/LICENSE",
    "BSL-1.0": "xxhash-rust/LICENSE",
    "Unicode-3.0": "icu_locale_core/LICENSE",
    "Unlicense": "memchr/UNLICENSE",
    "Zlib": "foldhash/LICENSE",
}

MIT_0 = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation
the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and
to permit persons to whom the Software is furnished to do so.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO
THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
IN THE SOFTWARE.
"""

LLVM = """\
As an exception to the Apache License 2.0: if, as a result of your compiling your source code, portions of this
Software are embedded into an Object form of such source code, you may redistribute such embedded portions in such
Object form without complying with the conditions of Sections 4(a), 4(b) and 4(d) of the License.
"""


# What a crate contains of others.
OTHERS = {
    "libsqlite3-sys": """\
Files: vendor/libsqlite3-sys/sqlite3/*
Copyright: none, the authors disclaim it
License: public-domain

Files: vendor/libsqlite3-sys/sqlcipher/*
Copyright: 2008-2020 Zetetic LLC
License: BSD-3-Clause

License: public-domain
 The author disclaims copyright to this source code. In place of a legal notice, here is a blessing:
 .
 May you do good and not evil.
 May you find forgiveness for yourself and forgive others.
 May you share freely, never taking more than you give.
"""
}


def main():
    vendor = Path(sys.argv[1])
    print(HEAD)
    licenses = set()
    for crate in sorted(path.parent for path in vendor.glob("*/Cargo.toml")):
        package = tomllib.loads((crate / "Cargo.toml").read_text())["package"]
        expression = package.get("license") or sys.exit(f"copyright: {crate.name} states no licence")
        expression = expression.replace("/", " OR ")
        expression = expression.replace("Apache-2.0 WITH LLVM-exception", "Apache-2.0-with-LLVM-exception")
        licenses.update(re.findall(r"[A-Za-z0-9.-]+", expression))
        expression = re.sub(r" (OR|AND) ", lambda found: found.group().lower(), expression)
        expression = expression.replace("(", "").replace(")", "") if " and " not in expression else expression
        print(f"Files: vendor/{crate.name}/*")
        print("Copyright: " + "\n           ".join(holders(crate, package)))
        print(f"License: {in_dep5(expression)}\n")
        if others := OTHERS.get(crate.name):
            licenses.update(re.findall(r"^License: (BSD-3-Clause)$", others, re.M))
            print(others)
    for name in sorted(licenses - {"OR", "AND"} | {"Apache-2.0"}):
        print(f"License: {name}\n{indented(text(vendor, name))}\n")


def in_dep5(expression):
    """Without parentheses, which DEP-5 has not: "(A or B) and C" is "A and C or B and C"."""
    found = re.fullmatch(r"\((.*)\) and (.*)", expression)
    if not found:
        return expression
    return " or ".join(f"{one} and {found[2]}" for one in found[1].split(" or "))


def holders(crate, package):
    """Those whom the licence files name, else the authors, else whoever wrote the crate."""
    lines = []
    for file in sorted(crate.glob("*")):
        if file.is_file() and re.match(r"(LICEN[SC]E|COPYING|COPYRIGHT|NOTICE)", file.name, re.I):
            for line in file.read_text(errors="replace").splitlines():
                found = re.match(r"\W*(?:Copyright|©)\s+(?:\(c\)|©)?\s*(.*\S)", line, re.I)
                if found and re.search(r"\d{4}|Project|Developers|Inc", found[1]) and "[" not in found[1]:
                    lines.append(found[1].rstrip("."))
    lines = lines or package.get("authors") or [f"The developers of {package['name']}"]
    return list(dict.fromkeys(lines))


def text(vendor, name):
    if name in COMMON:
        return f"On Debian systems the full text is in /usr/share/common-licenses/{COMMON[name]}."
    if name == "Apache-2.0-with-LLVM-exception":
        return f"{text(vendor, 'Apache-2.0')}\n\n{LLVM}"
    if name == "MIT-0":
        return MIT_0
    if name not in TEXTS:
        sys.exit(f"copyright: the licence {name} is new; packaging/copyright.py must learn it")
    words = (vendor / TEXTS[name]).read_text()
    return re.sub(r"(?im)^\W*copyright (\(c\)|©|\d{4}).*\n", "", words).strip()


def indented(words):
    return "\n".join(f" {line.rstrip()}" if line.strip() else " ." for line in words.strip().splitlines())


main()
