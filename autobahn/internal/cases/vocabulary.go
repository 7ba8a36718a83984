package cases

import "github.com/rfc6455/ws/autobahn/internal/engine"

// The words in which cases are written. They are those of package engine: without its name
// before each of them, a case is easier to read.
type (
	script      = engine.Script
	tester      = engine.Tester
	event       = engine.Event
	closeRule   = engine.CloseRule
	opening     = engine.Opening
	replacement = engine.Replacement
	deflateRule = engine.DeflateRule
	parameters  = engine.Parameters

	step       = engine.Step
	send       = engine.Send
	say        = engine.Say
	raw        = engine.Raw
	begin      = engine.Begin
	killAfter  = engine.KillAfter
	closeAfter = engine.CloseAfter
	later      = engine.Later
	doing      = engine.Doing
	compressed = engine.Compressed
)

const (
	second   = engine.Second
	patient  = engine.Patient
	reaction = engine.Reaction
)

var (
	nothing       = engine.Nothing
	normalClose   = engine.NormalClose
	protocolError = engine.ProtocolError
	invalidUTF8   = engine.InvalidUTF8
)

func textMessage(s string) event   { return engine.TextMessage(s) }
func binaryMessage(s string) event { return engine.BinaryMessage(s) }
func pong(s string) event          { return engine.Pong(s) }
