// Asks Go's own regexp package about the tables beside this file; see README.md.
//
//	go run go_regex.go check FILE...     each row against Go; exit status 1 if one differs
//	go run go_regex.go generate SEED N   N rows of made-up patterns on standard output
package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

func main() {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "check":
		differ := 0
		for _, file := range os.Args[2:] {
			differ += check(file)
		}
		if differ > 0 {
			os.Exit(1)
		}
	case len(os.Args) == 4 && os.Args[1] == "generate":
		seed, _ := strconv.ParseUint(os.Args[2], 10, 64)
		rows, _ := strconv.Atoi(os.Args[3])
		generate(&random{seed}, rows)
	default:
		fmt.Fprintln(os.Stderr, "usage: go_regex check FILE... | generate SEED ROWS")
		os.Exit(2)
	}
}

func verdict(pattern, path string) string {
	re, err := regexp.Compile(pattern)
	switch {
	case err != nil:
		return "refused"
	case re.MatchString(path):
		return "yes"
	default:
		return "no"
	}
}

func check(file string) (differ int) {
	opened, err := os.Open(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer opened.Close()
	rows := 0
	for lines := bufio.NewScanner(opened); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		rows++
		cells := strings.Split(line, "\t")
		if len(cells) != 3 {
			fmt.Printf("%s: not three cells: %s\n", file, line)
			differ++
		} else if said := verdict(decode(cells[0]), decode(cells[1])); said != cells[2] {
			fmt.Printf("%s: Go says %s: %s\n", file, said, line)
			differ++
		}
	}
	fmt.Printf("%s: %d rows, %d differ\n", file, rows, differ)
	return differ
}

// random is a linear congruential generator: the rows are the same with every version of Go.
type random struct{ state uint64 }

func (r *random) below(n int) int {
	r.state = r.state*6364136223846793005 + 1442695040888963407
	return int(r.state>>33) % n
}

func (r *random) one(of []string) string { return of[r.below(len(of))] }

var atoms = strings.Split(`a b k s A K S / . - _ { } ] , 1 ^ $ ü Ü ſ K \b \B \A \z \d \D \w \W \s \S `+
	`\. \/ \- \n \x41 \x{17F} \101 \0 \pL \PL \p{Lu} \P{Ll} \p{Greek} [ab] [^ab] [a-k] [^A-S] [\d-] `+
	`[[:alpha:]] [[:^alpha:]] [[:punct:]] [^[:space:]_] [\W\d] [\pL\d] [^\pLx] []a] [^]a] [[] [a-] `+
	`[&&a] [a~~] [--/] \Qa.b\E \Q*\E {1} {,1} a{2} a{01} b{1,2} (a) (|b) (?:ab) (?i) (?s) (?m) `+
	`(?U) (?-i) (?i:k) (?-s:.) (?P<n>a) ( ) | a*? a** \Q \E \C [ (?x) \x \u0041 (?i:ſ)+`, " ")

var repeats = []string{"", "", "", "", "", "", "*", "+", "?", "*?", "{2}", "{1,}", "{0,1}", "{0}", "{,2}", "**"}

var pieces = []string{"a", "b", "k", "s", "A", "K", "S", "/", ".", "-", "_", "1", "{1}", "{,2}", "ü", "Ü",
	"ſ", "\u212A", "α", "٣", "\n", "\r", " ", "\x00", "\xff", "\xe2\x84", "]", "*", "&", ",", "ab", "a.b"}

func generate(r *random, rows int) {
	refused := 0
	for rows > 0 {
		pattern, path := r.one([]string{"", "", "^", "^/", "(?i)", "(?is)^"}), r.one([]string{"", "/"})
		for range 1 + r.below(4) {
			atom, repeat := r.one(atoms), r.one(repeats)
			if flags := strings.HasPrefix(atom, "(?") && strings.IndexByte(atom, ')') == len(atom)-1; flags &&
				!strings.ContainsAny(atom, ":<") {
				repeat = "" // would apply to what stands before the flags; the module refuses that
			}
			pattern += atom + repeat
		}
		pattern += r.one([]string{"", "", "$"})
		for range r.below(5) {
			path += r.one(pieces)
		}
		said := verdict(pattern, path)
		if said == "refused" {
			if refused++; refused%8 != 0 {
				continue // most of what is made up does not compile
			}
		}
		fmt.Printf("%s\t%s\t%s\n", encode(pattern), encode(path), said)
		rows--
	}
}

func encode(text string) string {
	var to strings.Builder
	for i := 0; i < len(text); i++ {
		if b := text[i]; b < 0x20 || b > 0x7E || b == '%' {
			fmt.Fprintf(&to, "%%%02X", b)
		} else {
			to.WriteByte(b)
		}
	}
	return to.String()
}

func decode(text string) string {
	var to strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			to.WriteByte(text[i])
			continue
		}
		b, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			panic(err)
		}
		to.WriteByte(byte(b))
		i += 2
	}
	return to.String()
}
