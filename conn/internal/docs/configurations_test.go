package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// aroundNginx is the rest of a configuration, with all files in one folder.
const aroundNginx = `pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
`

// TestConfigurations has the real programs check what docs/guide.md shows in other languages than
// Go. A program that is not installed is left out.
func TestConfigurations(t *testing.T) {
	document, err := os.ReadFile("../../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		language      string
		before, after string   // what stands around the block
		command       []string // what checks it; the name of its file follows
	}{
		{"nginx", aroundNginx, "}\n", []string{"nginx", "-t", "-p", ".", "-c"}},
		{"haproxy", "", "", []string{"haproxy", "-c", "-f"}},
		{"js", "", "", []string{"node", "--check"}},
	} {
		t.Run(x.language, func(t *testing.T) {
			name, err := find(x.command[0])
			if err != nil {
				t.Skip("not installed")
			}
			blocks := blocksOf("guide.md", string(document), x.language)
			if len(blocks) == 0 {
				t.Fatal("docs/guide.md has no such block")
			}
			for _, b := range blocks {
				dir := t.TempDir()
				file := filepath.Join(dir, "block.js") // node alone looks at the name
				if err := os.WriteFile(file, []byte(x.before+b.text+x.after), 0o600); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(name, append(x.command[1:], file)...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("docs/guide.md, line %d: %v\n%s", b.line, err, out)
				}
			}
		})
	}
}

// find returns where a program is. Servers may not be on the PATH of a user.
func find(program string) (string, error) {
	name, err := exec.LookPath(program)
	if err != nil {
		return exec.LookPath("/usr/sbin/" + program)
	}
	return name, nil
}
