package handshake

import "testing"

// TestDeflateAgreement lets every client meet every server, with some of the windows and each
// policy. The server must answer, unless it declines what it can't bind. The client must accept the
// answer. Both must end up with the same parameters, and these must respect what each side asked
// for.
func TestDeflateAgreement(t *testing.T) {
	var offers []DeflateOffer
	for _, server := range []int{0, 8, 10, 15} {
		for _, client := range []int{0, 8, 10, 15} {
			for bits := range 4 {
				offers = append(offers, DeflateOffer{bits&1 != 0, bits&2 != 0, server, client, WindowDecline})
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
			for _, policy := range []WindowPolicy{WindowAccept, WindowDemand, WindowDecline} {
				p := DeflatePolicy(p)
				p.WindowPolicy = policy
				agreed, answer := p.negotiate(list)
				if declined := policy == WindowDecline && exceeds(o, p); declined != (agreed == nil) {
					t.Fatalf("%+v, %+v: agreed on %+v, want the offer declined: %t", p, o, agreed, declined)
				}
				if agreed != nil {
					checkAgreement(t, o, p, *agreed, string(answer.append(nil)))
				}
			}
		}
	}
}

// exceeds reports whether a client that offers o and nothing else keeps a larger window than p
// wants to hold.
func exceeds(o DeflateOffer, p DeflatePolicy) bool {
	unbound := o.ClientMaxWindowBits == 0 && orMax(p.ClientMaxWindowBits) < maxWindowBits
	return !o.ClientNoContextTakeover && (p.ClientNoContextTakeover || unbound)
}

func checkAgreement(t *testing.T, o DeflateOffer, p DeflatePolicy, agreed Deflate, answer string) {
	t.Helper()
	list, err := ParseExtensions([]string{answer})
	if err != nil {
		t.Fatal(err)
	}
	got, reason := o.check(list[0].Params)
	if reason != "" || *got != agreed {
		t.Fatalf("%+v, %+v: the client has %+v (%s), want what the server has: %+v", o, p, got, reason, agreed)
	}
	want := Deflate{
		ServerNoContextTakeover: o.ServerNoContextTakeover || p.ServerNoContextTakeover,
		ClientNoContextTakeover: o.ClientNoContextTakeover || p.WindowPolicy == WindowDemand && exceeds(o, p),
		ServerMaxWindowBits:     min(orMax(o.ServerMaxWindowBits), orMax(p.ServerMaxWindowBits)),
		ClientMaxWindowBits:     maxWindowBits,
	}
	if o.ClientMaxWindowBits != 0 { // else a bound can't be had
		want.ClientMaxWindowBits = min(o.ClientMaxWindowBits, orMax(p.ClientMaxWindowBits))
	}
	if agreed != want {
		t.Fatalf("%+v, %+v: agreed on %+v, want %+v", o, p, agreed, want)
	}
}
