#!/bin/sh
# Runs testees of this and of other makers against the genuine suite and the native
# one, in both roles, and compares the verdicts. Run it from the module's root:
#
#   autobahn/peers/compare.sh [-exclude PATTERNS] [testee...]
#
# Testees: ws (this library), gorilla, coder, xnet. Without any, all of them. The
# cases of sections 9, 12 and 13 take long: -exclude '9.*,12.*,13.*' leaves them out.
# Reports stay in autobahn/reports/compare, which git ignores.
#
# Some verdicts depend on time: both suites give a testee one second to answer a
# Close frame, and one that is still busy with what came before may or may not be in
# time. So cases that differ are run again by both suites, up to AGAIN (4) times; they
# count as different if no verdict came from both. Those that had several are shown.
#
# A difference that stays: a client that sends every fragment back as a message has
# sent 65537 of them in 9.3.1 and 9.4.1 before its Close frame. wstest may not have read
# them all within that second, and calls the end UNCLEAN; the native suite has.
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

# listening LOG: wait until wsconform serve has said there that it listens.
listening() {
	for _ in $(seq 100); do
		grep -q ' cases on ' "$1" && return
		sleep 0.3
	done
}

# run ROLE RUN SELECTION...: run both suites on the testee, into folders of this run.
# The suites' own status tells whether the testee conforms, which does not matter
# here; where a run could not be done, there is no index.
run() {
	role=$1
	dir=$out/$testee/$2
	shift 2
	mkdir -p "$dir"
	port=$((port + 1))
	if [ "$role" = server ]; then
		"$bin/genuine" -role server -agent "$testee" "$@" -reports "$dir" \
			-server "$server -addr {addr}" >"$dir/genuine-server.log" 2>&1 || true
		$server -addr "127.0.0.1:$port" >/dev/null 2>&1 &
		pid=$!
		sleep 1
		"$bin/wsconform" server-test -url "ws://127.0.0.1:$port/" -agent "$testee" "$@" \
			-reports "$dir/native-server" >"$dir/native-server.log" 2>&1 || true
		kill "$pid"
	else
		"$bin/genuine" -role client -agent "$testee" "$@" -reports "$dir" \
			-client "$client -url {url} -agent {agent}" >"$dir/genuine-client.log" 2>&1 || true
		"$bin/wsconform" serve -addr "127.0.0.1:$port" "$@" \
			-reports "$dir/native-client" >"$dir/native-client.log" 2>&1 &
		pid=$!
		listening "$dir/native-client.log"
		$client -url "ws://127.0.0.1:$port" -agent "$testee" >/dev/null 2>&1 || true
		kill -INT "$pid"
		wait "$pid" || true
	fi
}

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
	for role in server client; do
		echo "== $testee as $role"
		rm -rf "${out:?}/$testee/$role"*
		run "$role" "$role" -exclude "$exclude"
		genuine=$out/$testee/$role/$role/index.json
		native=$out/$testee/$role/native-$role/index.json
		again=0
		while [ "$again" -lt "${AGAIN:-4}" ] && ids=$("$bin/wsconform" diff -ids "$genuine" "$native" || true) && [ -n "$ids" ]; do
			again=$((again + 1))
			echo "again: $ids"
			run "$role" "$role-again-$again" -cases "$ids"
			genuine=$genuine,$out/$testee/$role-again-$again/$role/index.json
			native=$native,$out/$testee/$role-again-$again/native-$role/index.json
		done
		"$bin/wsconform" diff "$genuine" "$native" || status=1
	done
done
exit $status
