package handshake

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// The tables of requirements are in testdata, since conn shows the same rows over connections.
// testdata/README.md explains their members.

type fill struct {
	Text  string
	Count int
}

// in returns s with {fill} replaced.
func (f *fill) in(s string) string {
	if f == nil {
		return s
	}
	return strings.Replace(s, "{fill}", strings.Repeat(f.Text, f.Count), 1)
}

type deflateRow struct {
	ServerNoContextTakeover bool         `json:"server_no_context_takeover"`
	ClientNoContextTakeover bool         `json:"client_no_context_takeover"`
	ServerMaxWindowBits     int          `json:"server_max_window_bits"`
	ClientMaxWindowBits     int          `json:"client_max_window_bits"`
	WindowPolicy            WindowPolicy `json:"window_policy"`
}

// agreement returns what both sides agree on by this row.
func (r *deflateRow) agreement() Deflate {
	return Deflate{r.ServerNoContextTakeover, r.ClientNoContextTakeover, r.ServerMaxWindowBits, r.ClientMaxWindowBits}
}

type serverRow struct {
	ID, Note string
	Request  string
	Fill     *fill
	Policy   struct {
		Origins, Subprotocols []string
		Deflate               *deflateRow
	}
	Status       int
	NetHTTP      int  `json:"net_http"`
	Continue     bool // "100 Continue" is due ahead of the 101
	Want         map[string]*string
	BodyContains string `json:"body_contains"`
}

func (r *serverRow) policy() *Policy {
	return &Policy{Origins: r.Policy.Origins, Subprotocols: r.Policy.Subprotocols, Deflate: (*DeflatePolicy)(r.Policy.Deflate)}
}

type clientRow struct {
	ID, Note string
	Offer    struct {
		Subprotocols []string
		Deflate      *deflateRow
	}
	Response    string
	Fill        *fill
	OK          bool
	Field       string
	Status      *int
	Subprotocol string
	Deflate     *deflateRow
	Left        string
}

const (
	testKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	testAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func (r *clientRow) offer(tb testing.TB) *Offer {
	u := mustURL(tb, "ws://server.example.com/chat")
	return &Offer{URL: u, Key: testKey, Subprotocols: r.Offer.Subprotocols, Deflate: (*DeflateOffer)(r.Offer.Deflate)}
}

// loadRows reads a table.
func loadRows[T any](tb testing.TB, path string) []T {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var rows []T
	if err := json.Unmarshal(b, &rows); err != nil {
		tb.Fatal(err)
	}
	return rows
}

// runRows runs a subtest ID/role/note for each row. The rows of one requirement are together.
func runRows[T any](t *testing.T, role string, rows []T, name func(*T) (id, note string), test func(*testing.T, *T)) {
	groups := map[string][]*T{}
	var order []string
	for i := range rows {
		id, _ := name(&rows[i])
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], &rows[i])
	}
	for _, id := range order {
		t.Run(id+"/"+role, func(t *testing.T) {
			for _, row := range groups[id] {
				_, note := name(row)
				t.Run(note, func(t *testing.T) { test(t, row) })
			}
		})
	}
}

func runServerRows(t *testing.T, test func(*testing.T, *serverRow)) {
	rows := loadRows[serverRow](t, "testdata/server_rows.json")
	runRows(t, "server", rows, func(r *serverRow) (string, string) { return r.ID, r.Note }, test)
}

// serve returns the response of a server to a request.
func serve(r *Request, p *Policy) []byte {
	err := CheckRequest(r)
	var a Accepted
	if err == nil {
		a, err = Respond(r, p)
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.AppendResponse(nil)
	}
	return a.AppendResponse(nil, r)
}

func TestServerRows(t *testing.T) {
	runServerRows(t, func(t *testing.T, row *serverRow) {
		b := []byte(row.Fill.in(row.Request))
		r, n, err := ParseRequest(b)
		var reply []byte
		switch e := (*Error)(nil); {
		case errors.As(err, &e):
			reply = e.AppendResponse(nil)
		case err != nil || n == 0:
			t.Fatalf("ParseRequest = %d, %v", n, err)
		default:
			reply = serve(r, row.policy())
		}
		checkReply(t, row, row.Status, string(reply))
		if r != nil && row.Status == 101 && r.ExpectsContinue() != row.Continue {
			t.Errorf("ExpectsContinue() = %t, want %t", r.ExpectsContinue(), row.Continue)
		}
	})
}

// checkReply compares a whole reply with what the row wants.
func checkReply(t *testing.T, row *serverRow, status int, reply string) {
	t.Helper()
	req := &http.Request{Method: strings.SplitN(row.Request, " ", 2)[0]}
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(reply)), req)
	if err != nil {
		t.Fatalf("%v in reply %q", err, reply)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("body: %v in reply %q", err, reply)
	}
	if resp.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", resp.StatusCode, status, body)
	}
	if status != row.Status {
		return // net/http has its own idea of this row.
	}
	// ReadResponse removes a Connection header that has "close" in it.
	_, after, _ := strings.Cut(reply, "\r\n")
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(after))).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("%v in reply %q", err, reply)
	}
	for name, want := range row.Want {
		got := header.Values(name)
		switch {
		case want == nil && len(got) > 0:
			t.Errorf("%s = %q, want none", name, got)
		case want != nil && name == "Connection" && !slices.ContainsFunc(got, func(v string) bool { return hasElement(v, *want) }):
			t.Errorf("Connection = %q does not name %s", got, *want)
		case want != nil && name != "Connection" && (len(got) != 1 || got[0] != *want):
			t.Errorf("%s = %q, want %q", name, got, *want)
		}
	}
	if resp.Request.Method != "HEAD" && !strings.Contains(string(body), row.BodyContains) && resp.Header.Get("X-Content-Type-Options") != "" {
		t.Errorf("body %q, want it to name %q", body, row.BodyContains)
	}
}

// TestServerRowsNetHTTP runs the same rows behind net/http's own parser, which has its own idea of
// what a request is.
func TestServerRowsNetHTTP(t *testing.T) {
	var policy atomic.Pointer[Policy]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply := serve(NewRequest(r), policy.Load())
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		nc.Write(reply)
		nc.Close()
	}))
	defer srv.Close()
	srv.Config.ErrorLog = nil
	runServerRows(t, func(t *testing.T, row *serverRow) {
		policy.Store(row.policy())
		status := row.Status
		if row.NetHTTP != 0 {
			status = row.NetHTTP
		}
		checkReply(t, row, status, exchange(t, srv.Listener.Addr(), row.Fill.in(row.Request)))
	})
}

// exchange sends a request and returns everything that comes back.
func exchange(t *testing.T, addr net.Addr, request string) string {
	t.Helper()
	nc, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	go io.WriteString(nc, request) // The server may answer and close before it has read all.
	b := bufio.NewReader(nc)
	var reply strings.Builder
	_, err = b.WriteTo(&reply)
	if reply.Len() == 0 {
		t.Fatalf("no reply: %v, want one", err)
	}
	return reply.String()
}

func TestClientRows(t *testing.T) {
	rows := loadRows[clientRow](t, "testdata/client_rows.json")
	name := func(r *clientRow) (string, string) { return r.ID, r.Note }
	runRows(t, "client", rows, name, func(t *testing.T, row *clientRow) {
		response := row.Fill.in(row.Response)
		resp, n, err := ParseResponse([]byte(response))
		var a Accepted
		if err == nil {
			if n == 0 {
				t.Fatal("ParseResponse wants more")
			}
			a, err = row.offer(t).CheckResponse(resp)
		}
		if !row.OK {
			wantRefusal(t, row, err)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if a.Subprotocol != row.Subprotocol {
			t.Errorf("Subprotocol = %q, want %q", a.Subprotocol, row.Subprotocol)
		}
		if (a.Deflate == nil) != (row.Deflate == nil) || a.Deflate != nil && *a.Deflate != row.Deflate.agreement() {
			t.Errorf("Deflate = %+v, want %+v", a.Deflate, row.Deflate)
		}
		if response[n:] != row.Left {
			t.Errorf("left over: %q, want %q", response[n:], row.Left)
		}
	})
}

// wantRefusal wants an Error with the field and the status of the row.
func wantRefusal(t *testing.T, row *clientRow, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error = %v, want an *Error", err)
	}
	if e.Field != row.Field {
		t.Errorf("Field = %q, want %q (%v)", e.Field, row.Field, err)
	}
	if row.Status != nil && e.Status != *row.Status {
		t.Errorf("Status = %d, want %d (%v)", e.Status, *row.Status, err)
	}
}

// mustURL parses a valid URL.
func mustURL(tb testing.TB, raw string) *url.URL {
	tb.Helper()
	u, err := ParseURL(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}
