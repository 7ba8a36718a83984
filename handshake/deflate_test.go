package handshake

import "testing"

// TestDeflateAgreement lets every client meet every server, with some of the
// windows. The server must answer, the client must take the answer, both must
// end up with the same parameters, and these must keep what each side asked for.
func TestDeflateAgreement(t *testing.T) {
	var offers []DeflateOffer
	for _, server := range []int{0, 8, 10, 15} {
		for _, client := range []int{0, 8, 10, 15} {
			for bits := range 4 {
				offers = append(offers, DeflateOffer{bits&1 != 0, bits&2 != 0, server, client})
			}
		}
	}
	for _, o := range offers {
		header := string(o.params().append(nil))
		list, err := ParseExtensions([]string{header})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range offers { // A policy has the same fields.
			p := DeflatePolicy(p)
			agreed, answer := p.negotiate(list)
			if agreed == nil {
				t.Fatalf("%+v declines %+v", p, o)
			}
			checkAgreement(t, o, p, *agreed, string(answer.append(nil)))
		}
	}
}

func checkAgreement(t *testing.T, o DeflateOffer, p DeflatePolicy, agreed Deflate, answer string) {
	t.Helper()
	list, err := ParseExtensions([]string{answer})
	if err != nil {
		t.Fatal(err)
	}
	got, reason := o.check(list[0].Params)
	if reason != "" || *got != agreed {
		t.Fatalf("%+v, %+v: the client has %+v (%s), the server %+v", o, p, got, reason, agreed)
	}
	want := Deflate{
		ServerNoContextTakeover: o.ServerNoContextTakeover || p.ServerNoContextTakeover,
		ClientNoContextTakeover: o.ClientNoContextTakeover || p.ClientNoContextTakeover,
		ServerMaxWindowBits:     min(orMax(o.ServerMaxWindowBits), orMax(p.ServerMaxWindowBits)),
		ClientMaxWindowBits:     min(orMax(o.ClientMaxWindowBits), orMax(p.ClientMaxWindowBits)),
	}
	if o.ClientMaxWindowBits == 0 && want.ClientMaxWindowBits < maxWindowBits { // a bound that can't be had
		want.ClientNoContextTakeover, want.ClientMaxWindowBits = true, maxWindowBits
	}
	if agreed != want {
		t.Fatalf("%+v, %+v: agreed on %+v, want %+v", o, p, agreed, want)
	}
}
