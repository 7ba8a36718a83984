package generate

import "github.com/rfc6455/ws/autobahn/internal/engine"

// found are inputs that no catalogue has: what fuzzing has found, made small, and limits.
var found = []struct {
	id, text, section, verdict string
	in                         map[string]string // by role
	agreed                     *engine.Parameters
	max                        int
	also                       []string
}{
	{
		"found.1", "A compressed message with bits after the end of its block.", "RFC 7692 7.2.2", "must",
		map[string]string{"client": "c1053258303030", "server": "c185000000003258303030"},
		&engine.Parameters{}, maxMessage, nil,
	},
	{
		"found.2", "A compressed frame that is cut, of which the first bytes can't be inflated.", "RFC 7692 7.2.2", "either",
		map[string]string{"client": "4130321c783031", "server": "41b000000000321c783031"},
		&engine.Parameters{}, maxMessage,
		[]string{"open", "fail 1007 1002"},
	},
	{
		"limit.1", "Announce a message of 9 bytes with a limit of 8.", "RFC 6455 7.4.1", "should",
		map[string]string{"client": "8209", "server": "828900000000"},
		nil, 8, nil,
	},
	{
		"limit.2", "A message of 8 bytes with a limit of 8.", "RFC 6455 7.4.1", "must",
		map[string]string{"client": "82083132333435363738", "server": "8288000000003132333435363738"},
		nil, 8, nil,
	},
	{
		"limit.3", "Announce 9 bytes in two frames with a limit of 8.", "RFC 6455 7.4.1", "should",
		map[string]string{"client": "0204313233348005", "server": "02840000000031323334808500000000"},
		nil, 8, nil,
	},
}
