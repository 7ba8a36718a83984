//go:build !purego

#include "textflag.h"

// The last 64 bytes are masked with the key rotated by the length (RFC 6455 section 5.3: byte i
// takes key byte i modulo 4). They are loaded before anything is stored, and stored last. Bytes of
// theirs that the loop has masked get the same values again. The loop masks the 64-byte blocks
// before them.
//
//	R0, R1  dst and src, moving
//	R2      n, then where in dst the loop ends: 64 bytes before the end
//	R3, R4  the key at the start and at the end

// func vector(dst, src *byte, n int, key uint32)
TEXT ·vector(SB), NOSPLIT|NOFRAME, $0-28
	MOVD  dst+0(FP), R0
	MOVD  src+8(FP), R1
	MOVD  n+16(FP), R2
	MOVWU key+24(FP), R3

	// The key at byte n, and so at n - 64, is rotated right by 8 bits for each byte.
	LSLW $3, R2, R4
	RORW R4, R3, R4
	VDUP R3, V16.S4
	VDUP R4, V17.S4

	SUB  $64, R2, R2
	ADD  R1, R2, R5
	ADD  R0, R2, R2
	VLD1 (R5), [V4.B16, V5.B16, V6.B16, V7.B16]
	VEOR V4.B16, V17.B16, V4.B16
	VEOR V5.B16, V17.B16, V5.B16
	VEOR V6.B16, V17.B16, V6.B16
	VEOR V7.B16, V17.B16, V7.B16
	CMP  R2, R0
	BHS  end

loop:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VEOR   V0.B16, V16.B16, V0.B16
	VEOR   V1.B16, V16.B16, V1.B16
	VEOR   V2.B16, V16.B16, V2.B16
	VEOR   V3.B16, V16.B16, V3.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	CMP    R2, R0
	BLO    loop

end:
	VST1 [V4.B16, V5.B16, V6.B16, V7.B16], (R2)
	RET
