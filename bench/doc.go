// Package bench holds the benchmarks of this module as its users see it:
//
//	go test -bench . ./bench                      # everything, about two minutes
//	go test -bench . -benchtime 100ms ./bench     # a quick look
//	go test -run '^$' -bench HTTP2 ./bench        # sockets as streams; docs/http2.md has figures
//	go test -run '^$' -bench Relay ./bench        # conn/relay beside httputil.ReverseProxy
//	go test -run '^$' -bench LoopBlocked ./bench  # callbacks of a Loop that block, and others
//	go test -bench 'Echo/16KiB' -cpuprofile cpu.out ./bench
//
// Messages are masked if a client sends them, and every benchmark checks its work before the time
// counts. Packages mask, frame, handshake and conn/internal/deflate have benchmarks of their own
// parts. bench/peers compares this module with other libraries.
package bench
