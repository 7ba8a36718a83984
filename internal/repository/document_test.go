package repository

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// root is the folder of the repository, seen from this package.
const root = "../.."

// document is a Markdown file.
type document struct {
	name string // below root
	text string // as it is in the file
	bare string // the text without code
}

var (
	fence  = regexp.MustCompile("(?ms)^[ \t]*(```|~~~).*?^[ \t]*(```|~~~)[ \t]*$")
	span   = regexp.MustCompile("``[^`]+``|`[^`]+`")
	target = regexp.MustCompile(`\]\(([^()\s]+)(?:\s+"[^"]*")?\)|` + // [text](target "title")
		`(?:src|href|srcset)="([^"]+)"|` +
		`(?m:^\[[^\]]+\]:\s*(\S+))`) // [name]: target
)

// documents reads every Markdown file of the repository.
func documents(t *testing.T) map[string]*document {
	t.Helper()
	all := make(map[string]*document)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.Base(path)
		if e.IsDir() {
			if path != root && name != ".github" && (name[0] == '.' || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		d := &document{text: string(text)}
		d.name, _ = filepath.Rel(root, path)
		d.bare = span.ReplaceAllString(fence.ReplaceAllString(d.text, ""), "")
		all[filepath.ToSlash(d.name)] = d
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("%d documents, want 20 at least", len(all))
	}
	return all
}

// links returns the targets of the document's links and pictures.
func (d *document) links() []string {
	var all []string
	for _, m := range target.FindAllStringSubmatch(d.bare, -1) {
		all = append(all, m[1]+m[2]+m[3])
	}
	return all
}

// anchors returns the names that GitHub gives to the headings of the document.
func (d *document) anchors() map[string]bool {
	all := make(map[string]bool)
	times := make(map[string]int)
	for line := range strings.SplitSeq(fence.ReplaceAllString(d.text, ""), "\n") {
		title := strings.TrimLeft(line, "#")
		if level := len(line) - len(title); level == 0 || level > 6 || !strings.HasPrefix(title, " ") {
			continue
		}
		name := anchor(title)
		if n := times[name]; n > 0 {
			all[name+"-"+strconv.Itoa(n)] = true
		} else {
			all[name] = true
		}
		times[name]++
	}
	return all
}

var linkText = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)

// anchor returns the name that GitHub gives to a heading.
func anchor(title string) string {
	title = linkText.ReplaceAllString(strings.TrimSpace(title), "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// TestLinks checks each relative link of each document: the file is there, and so is the heading.
// Of the links into the web it checks those to this repository's own workflows.
func TestLinks(t *testing.T) {
	all := documents(t)
	n := 0
	for _, d := range all {
		for _, link := range d.links() {
			n++
			if why := broken(all, d, link); why != "" {
				t.Errorf("%s links to %s: %s", d.name, link, why)
			}
		}
	}
	if n < 200 {
		t.Errorf("%d links, want 200 at least: are they still found?", n)
	}
}

// workflow matches links to a workflow and to its badge.
var workflow = regexp.MustCompile(`^https://github\.com/rfc6455/ws/actions/workflows/([^/?]+)`)

// broken says what is wrong with a link of d. It returns "" if nothing is.
func broken(all map[string]*document, d *document, link string) string {
	if m := workflow.FindStringSubmatch(link); m != nil {
		up := strings.Repeat("../", strings.Count(filepath.ToSlash(d.name), "/"))
		link = up + ".github/workflows/" + m[1]
	}
	if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
		return ""
	}
	path, heading, anchored := strings.Cut(link, "#")
	file := filepath.ToSlash(d.name)
	if path != "" {
		file = filepath.ToSlash(filepath.Join(filepath.Dir(d.name), path))
		if strings.HasPrefix(file, "..") || strings.HasPrefix(path, "/") {
			return "it leads out of the repository"
		}
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			return "there is no such file"
		}
	}
	if anchored && all[file] != nil && !all[file].anchors()[heading] {
		return "there is no such heading"
	}
	return ""
}

// TestBroken checks that a link that is broken is found.
func TestBroken(t *testing.T) {
	const text = "# A *fine* `day`, [here](x)\n## Twice\n## Twice\n```\n# no\n```\n"
	d := &document{name: "docs/http2.md", text: text}
	all := map[string]*document{"docs/http2.md": d}
	for link, want := range map[string]string{
		"#a-fine-day-here": "", "#twice": "", "#twice-1": "", "http2.md#twice": "", "../go.mod": "",
		"https://example.com/#x": "",
		"https://github.com/rfc6455/ws/actions/workflows/check.yml/badge.svg": "",
		"https://github.com/rfc6455/ws/actions/workflows/chekc.yml?branch=x":  "there is no such file",
		"#no": "there is no such heading", "http2.md#twice-2": "there is no such heading",
		"none.md": "there is no such file", "../../up.md": "it leads out of the repository",
	} {
		if got := broken(all, d, link); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	d.bare = "[a](b.md) ![c\nd](e.svg \"title\") <img src=\"f.png\"> [g]: h\n[i]: j.md\n"
	if got, want := strings.Join(d.links(), " "), "b.md e.svg f.png j.md"; got != want {
		t.Errorf("links %q, want %q", got, want)
	}
}

// makeTargets returns the targets of the Makefile.
func makeTargets(t *testing.T) map[string]bool {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	target := regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		all[m[1]] = true
	}
	return all
}

// TestCommands checks that each make target that a document names is one of the Makefile's.
func TestCommands(t *testing.T) {
	targets := makeTargets(t)
	command := regexp.MustCompile("(?m)(?:^    |`)make ([a-z0-9 -]*[a-z0-9])")
	n := 0
	for _, d := range documents(t) {
		for _, m := range command.FindAllStringSubmatch(d.text, -1) {
			for word := range strings.FieldsSeq(m[1]) {
				if strings.HasPrefix(word, "-") {
					break // of another make
				}
				n++
				if !targets[word] {
					t.Errorf("%s says make %s, and the Makefile has no such target", d.name, word)
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("%d commands, want 40 at least: are they still found?", n)
	}
}
