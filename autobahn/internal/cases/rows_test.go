package cases

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// shownBy has the rows of docs/requirements.md that cases show which are not named
// after them: those of the Autobahn|Testsuite, or of the second catalogue for another
// row. A pattern has to name a case in each role of the row.
var shownBy = map[string]string{
	"HT-9112-12":  "rfc.HC-4.1-31*|rfc.HT-9112-12*", // byte by byte, LF alone
	"HS-4.2-02":   "rfc.HT-9112-08*",
	"HT-9110-17":  "rfc.HS-4.2-01*", // its response of 405 needs Allow
	"RX-5.2-10":   "rfc.LM-10.4-02*",
	"RX-5.2-11":   "rfc.PD-7.2.2-06*",
	"RX-5.4-08":   "rfc.RX-5.4-03*",
	"TX-6.1-11":   "rfc.CL-5.5-09*",
	"CL-5.5-01":   "rfc.CL-5.5-02*",
	"CL-7.4-06":   "rfc.CL-5.5-03*",
	"CL-5.5-08":   "7.3.6",
	"CL-5.5-11":   "rfc.CL-5.5-10*", // in fact all: a second Close frame fails any case
	"U8-8.1-01":   "6.2*",
	"U8-8.1-02":   "rfc.U8-8.1-06.3", // compressed; 6.14 is not
	"U8-8.1-03":   "6.22*",
	"U8-8.1-04":   "6.4.1",
	"U8-8.1-05":   "6.4.3",
	"EX-9.1-04":   "rfc.HS-4.2-25*",
	"EX-9.1-06":   "rfc.HS-4.2-12*|rfc.EX-9.1-06*",
	"PD-7.1.1-09": "rfc.PD-7.2.3-08*",
	"SE-10.7-07":  "rfc.CL-7.1-20*",
	"SE-10-09":    "rfc.CL-7.1-15*",
	"IA-11.3-01":  "rfc.HS-4.2-05*|rfc.HC-4.1-14*",
	"IA-11.3-03":  "rfc.HS-4.2-20*",
	"IA-11.3-04":  "rfc.HS-4.2-11*|rfc.HC-4.1-27*",
	"IA-11.3-05":  "rfc.HS-4.2-07*|rfc.HC-4.1-10*",
	"IA-11.6-06":  "rfc.HS-4.2-21*|rfc.HC-4.1-10*",
	"IA-11.7-07":  "rfc.CL-7.4-05*",
	"IA-11.2-08":  "rfc.HS-4.2-03*|rfc.HC-4.1-21*",
}

// Reasons for which rows have no case.
const (
	address  = "what a client makes of an address of its own application's; the tester sees the request that follows, which HC-4.1-05 and HC-4.1-06 look at"
	local    = "what an endpoint tells its own application, or refuses to it; nothing of it is on the wire"
	may      = "the RFC leaves it to the endpoint"
	echoOnly = "a testee echoes; it has no occasion for this"
	policy   = "it depends on what the server's own configuration allows"
	offered  = "it depends on what the client offers, which is not the tester's to choose"
	facts    = "no behaviour of its own"
	tlsOnly  = "it is about TLS: wsconform tests servers at wss addresses with all cases, and its own server speaks ws"
)

// notSeen has the rows that no tester can see on the wire of a testee that echoes, or
// that ask for nothing, with the reason.
var notSeen = map[string]string{
	"UR-3-01": address, "UR-3-02": address, "UR-3-03": address, "UR-3-04": address,
	"UR-3-05": address, "UR-3-06": address, "UR-3-07": address, "UR-3-08": address, "UR-3-09": facts,
	"HC-4.1-01": "the tester is one server among those that a client may dial, and the RFC's rule is about all of them",
	"HC-4.1-02": "it takes a proxy", "HC-4.1-03": tlsOnly, "HC-4.1-04": tlsOnly, "SE-10.6-06": tlsOnly,
	"HC-4.1-09": may, "HC-4.1-12": may, "HC-4.1-28": offered, "HC-4.4-32": may, "HC-4.1-33": may,
	"HS-4.2-22": policy, "HS-4.2-23": policy, "SE-10.2-04": policy,
	"HS-4.2-26": may, "HS-4.2-27": may, "HS-4.2-28": echoOnly,
	"TX-10.3-16": "a payload that changes while it is sent comes back changed, in any case",
	"TX-5.4-10":  may, "RX-7.4-14": may, "RX-5.5-06": echoOnly, "TX-5.5-08": local, "TX-5.5-09": may,
	"CL-7.1-17": local, "CL-7.1-18": local, "CL-7.1-19": local,
	"CL-7.2-22": local, "CL-7.2-23": local, "CL-7.3-24": local, "CL-7.4-25": may, "CL-5.5-27": facts, "CL-7.1-28": local,
	"U8-8.1-08": echoOnly, "EX-9.1-08": facts, "EX-9.1-09": may,
	"PD-7.1.1-05": may, "PD-7.1.2-12": may, "PD-7.1.3-24": offered, "PD-7.1.1-06": offered, "PD-7.1.1-07": may, "PD-7.1.2-13": offered, "PD-7.1.2-19": may, "PD-5.1-23": may,
	"PD-7.2-21": local, "PD-7.2-22": local, "PD-7.2-23": may, "PD-8-24": local,
	"SE-10.1-03": facts, "SE-10.5-05": may, "SE-10.8-08": facts, "IA-11.3-02": may,
}

// notHTTP1 are the starts of rows that are about other things than endpoints on
// HTTP/1.1.
var notHTTP1 = map[string]string{
	"H2-": "RFC 8441: the cases run over streams of HTTP/2 too, but its opening handshake has no cases",
	"H3-": "RFC 9220",
	"BR-": "what browsers do, which servers have to bear",
	"ER-": "errata; the rows that they changed are named there",
}

// row is a row of docs/requirements.md.
var row = regexp.MustCompile(`(?m)^\| ([A-Z][A-Z0-9]-[\w.]+(?:-\w+)?) \| (\w+) \|`)

// TestEveryRow looks for a case for every row, in each of its roles, or for a reason
// why there is none.
func TestEveryRow(t *testing.T) {
	b, err := os.ReadFile("../../../docs/requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string][]string{"S": nil, "C": nil}
	for role, cases := range map[string][]*engine.Case{"S": BeyondServers(), "C": BeyondClients()} {
		for _, c := range append(Catalogue(), cases...) {
			ids[role] = append(ids[role], c.ID)
		}
	}
	named := make(map[string]bool)
	for _, m := range row.FindAllStringSubmatch(string(b), -1) {
		id, roles := m[1], strings.Split(strings.ReplaceAll(m[2], "B", "SC"), "")
		named[id] = true
		if about(id) {
			continue
		}
		reason := notSeen[id]
		patterns := strings.FieldsFunc("rfc."+id+".*|"+shownBy[id], func(r rune) bool { return r == '|' })
		for _, role := range roles {
			shown := len(Select(ids[role], patterns, nil)) > 0
			switch {
			case !shown && reason == "":
				t.Errorf("%s has no case for role %s, and no reason", id, role)
			case shown && reason != "" && len(roles) == 1:
				t.Errorf("%s has a case, and a reason to have none", id)
			}
		}
	}
	if len(named) < 200 {
		t.Errorf("%d rows were found", len(named))
	}
	for _, role := range []string{"S", "C"} {
		for _, id := range ids[role] {
			part := strings.Split(id, ".")
			if part[0] == "rfc" && part[1] != "deflate" && !named[strings.Join(part[1:len(part)-1], ".")] {
				t.Errorf("%s is named after no row", id)
			}
		}
	}
	for _, table := range []map[string]string{shownBy, notSeen} {
		for id := range table {
			if !named[id] {
				t.Errorf("the table has %s, which is no row", id)
			}
		}
	}
	if !slices.Contains(ids["S"], "rfc.HS-4.2-15.1") {
		t.Error("there is no case for a request that never comes")
	}
}

// about reports whether a row is about something else than an endpoint on HTTP/1.1.
func about(id string) bool {
	for prefix := range notHTTP1 {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}
