// Package compare has the tests of conn/gorilla that need gorilla/websocket itself, or programs
// that were written for it:
//
//   - TestAPI compares the exported API, name by name and signature by signature, with that of
//     conn/gorilla and that of the module which replaces gorilla.
//   - TestMeaning runs the tests of conn/gorilla that say what gorilla means against gorilla.
//   - TestScripts compares what random programs, and their peers, see with each of the libraries.
//     -args -scripts 5000 runs more of them.
//   - The tests of TestDial and TestUpgrade compare opening handshakes, byte by byte.
//   - TestPatterns compares what widely used programs do, also with one library at each end.
//   - TestApps runs the test suites of other people's programs against the replacement. With -args
//     -all it runs those that take long to build, too.
//
// replaced.mod is go.mod with the line that replaces gorilla.
package compare

import (
	_ "github.com/gorilla/websocket"
	_ "github.com/rfc6455/ws/conn/gorilla"
)
