package docs

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
	"testing/synctest"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/frame"
)

var write = flag.Bool("picture", false, "write the pictures docs/guide/*.svg")

// TestPictures compares the pictures of docs/guide.md with what the code draws. With -picture it
// writes them.
func TestPictures(t *testing.T) {
	for name, draw := range map[string]func() ([]byte, error){"life.svg": life, "way.svg": way} {
		t.Run(name, func(t *testing.T) {
			got, err := draw()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("../../../docs/guide", name)
			if *write {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what the code draws (%v): run make pictures", file, err)
			}
		})
	}
}

// TestNamesInPictures shows that the fields of Config that pictures name exist.
func TestNamesInPictures(t *testing.T) {
	config := reflect.TypeFor[ws.Config]()
	for _, draw := range []func() ([]byte, error){life, way} {
		svg, err := draw()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`Config\.(\w+)`).FindAllSubmatch(svg, -1) {
			if _, ok := config.FieldByName(string(m[1])); !ok {
				t.Errorf("Config has no field %s", m[1])
			}
		}
	}
}

// TestStateOf holds the columns of the picture against a connection that takes the way in which the
// peer closes first, and that in which this side does.
func TestStateOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := conntest.New(t, ws.RoleServer, ws.Negotiated{}, ws.Config{})
		want := func(s frame.Lifecycle) {
			t.Helper()
			if got := c.State(); got != stateOf(s) {
				t.Errorf("State() = %v, want %v for %v", got, stateOf(s), s)
			}
		}
		want(frame.Open)
		go c.Close(ws.CloseNormal, "")
		peer.WantClose(ws.CloseNormal)
		want(frame.CloseSent)
		peer.Close(ws.CloseNormal, "")
		<-c.Done()
		want(frame.Closed)

		c, peer = conntest.New(t, ws.RoleClient, ws.Negotiated{}, ws.Config{})
		go c.Read(t.Context())
		peer.Close(ws.CloseNormal, "")
		peer.WantClose(ws.CloseNormal)
		synctest.Wait()
		want(frame.Closing) // a client waits for the server to close TCP
		_ = peer.NetConn().Close()
		<-c.Done()
		want(frame.Closed)
	})
}
