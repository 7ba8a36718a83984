#!/bin/sh
# Runs testees of this and of other makers against the genuine suite and the native
# one, in both roles, and compares the verdicts. Run it from the module's root:
#
#   autobahn/peers/compare.sh [-exclude PATTERNS] [testee...]
#
# Testees: ws (this library), gorilla, coder, xnet. Without any, all of them. The
# cases of sections 9, 12 and 13 take long: -exclude '9.*,12.*,13.*' leaves them out.
# Reports stay in autobahn/reports/compare, which git ignores.
set -eu

exclude=
if [ "${1:-}" = -exclude ]; then
	exclude=$2
	shift 2
fi
[ $# -gt 0 ] || set -- ws gorilla coder xnet

root=$PWD
out=$root/autobahn/reports/compare
bin=$out/bin
mkdir -p "$bin"
go build -o "$bin" ./autobahn/cmd/genuine ./autobahn/cmd/wsconform ./autobahn/cmd/echoserver ./autobahn/cmd/echoclient
(cd autobahn/peers && go build -o "$bin/peers" .)

# A port of its own for each run: a server that has just ended may still hold its.
port=$((20000 + $$ % 20000))
status=0
for testee; do
	case $testee in
	ws)
		server="$bin/echoserver"
		client="$bin/echoclient"
		;;
	*)
		server="$bin/peers -library $testee"
		client="$bin/peers -library $testee"
		;;
	esac

	echo "== $testee as server"
	# The genuine suite's own status tells whether the testee conforms. It does not
	# matter here, but a run that could not be done does: there is no index then.
	"$bin/genuine" -role server -agent "$testee" -exclude "$exclude" -reports "$out/$testee" \
		-server "$server -addr {addr}" >"$out/$testee-server.log" 2>&1 || true
	port=$((port + 1))
	$server -addr "127.0.0.1:$port" >/dev/null 2>&1 &
	pid=$!
	sleep 1
	"$bin/wsconform" server-test -url "ws://127.0.0.1:$port/" -agent "$testee" -exclude "$exclude" \
		-reports "$out/$testee/native-server" >/dev/null 2>&1 || true
	kill "$pid"
	"$bin/wsconform" diff "$out/$testee/server/index.json" "$out/$testee/native-server/index.json" || status=1

	echo "== $testee as client"
	"$bin/genuine" -role client -agent "$testee" -exclude "$exclude" -reports "$out/$testee" \
		-client "$client -url {url} -agent {agent}" >"$out/$testee-client.log" 2>&1 || true
	port=$((port + 1))
	"$bin/wsconform" serve -addr "127.0.0.1:$port" -exclude "$exclude" -reports "$out/$testee/native-client" >/dev/null 2>&1 &
	pid=$!
	sleep 1
	$client -url "ws://127.0.0.1:$port" -agent "$testee" >/dev/null 2>&1 || true
	kill -INT "$pid"
	wait "$pid" || true
	"$bin/wsconform" diff "$out/$testee/client/index.json" "$out/$testee/native-client/index.json" || status=1
done
exit $status
