package opening

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"time"

	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/handshake"
)

// answer is a server's answer to a request.
type answer struct {
	response *http.Response // nil if none came
	accepted handshake.Accepted
	early    []byte // the bytes that came behind the response
}

// ask sends the request and checks the response. The end of ctx closes nc.
func ask(ctx context.Context, nc net.Conn, offer *handshake.Offer, request []byte) (answer, error) {
	stop := closeOn(ctx, nc)
	defer stop()
	trace := clientTrace(ctx)
	_, err := nc.Write(request)
	trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	if err != nil {
		return answer{}, err
	}
	resp, rest, err := readResponse(nc, trace.GotFirstResponseByte)
	if err != nil {
		return answer{}, err
	}
	accepted, err := offer.CheckResponse(resp)
	if err != nil {
		if resp.StatusCode != http.StatusSwitchingProtocols {
			readBody(resp, rest, nc)
		}
		return answer{response: resp}, err
	}
	if !stop() {
		return answer{response: resp}, ctx.Err() // nc is closed
	}
	return answer{response: resp, accepted: accepted, early: rest}, nil
}

// readResponse reads a response's header section. rest holds the bytes that came after it.
// readResponse calls first when the first bytes have come.
func readResponse(nc net.Conn, first func()) (resp *http.Response, rest []byte, err error) {
	var parser handshake.Parser
	buf := make([]byte, 0, readSize)
	for {
		buf = slices.Grow(buf, 1)
		m, readErr := nc.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if m > 0 {
			if m == len(buf) {
				first()
			}
			resp, n, err := parser.Response(buf)
			if err != nil || n > 0 {
				return resp, buf[n:], err
			}
		} else if readErr != nil {
			if readErr == io.EOF {
				readErr = fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
			}
			return nil, nil, fmt.Errorf("no whole response came: %w", readErr)
		}
	}
}

// readBody keeps the body of a refusal. rest holds the bytes of the body that came with the header
// section.
func readBody(resp *http.Response, rest []byte, nc net.Conn) {
	// http.ReadResponse knows the transfer codings. It needs a header section.
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %03d x\r\n", resp.StatusCode)
	_ = resp.Header.Write(&head)
	head.WriteString("\r\n")
	whole, err := http.ReadResponse(bufio.NewReader(io.MultiReader(&head, bytes.NewReader(rest), nc)), nil)
	if err != nil {
		return
	}
	defer whole.Body.Close()
	KeepBody(resp, whole.Body, func() { transport.CloseHard(nc) })
}

// maxBody bounds how many bytes of a refusal's body are kept.
const maxBody = 64 << 10

// KeepBody makes the beginning of a refusal's body the body of resp, up to 64 KiB. It takes what
// comes within a second. Then it calls cut, which has to end the reads from body.
func KeepBody(resp *http.Response, body io.Reader, cut func()) {
	timer := time.AfterFunc(time.Second, cut)
	defer timer.Stop()
	kept, _ := io.ReadAll(io.LimitReader(body, maxBody)) // what came is better than nothing
	resp.Body = io.NopCloser(bytes.NewReader(kept))
	resp.ContentLength = int64(len(kept))
}
