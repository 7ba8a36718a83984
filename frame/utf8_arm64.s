//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// One loop skips ASCII, the other checks 64 bytes as utf8_vector.go says. After other text, the
// first block of ASCII is checked, since a code point may break off there, and the next ones are
// skipped. The rest at the end is checked as 64 bytes, together with bytes before it that were
// checked already.
//
//	R0      the next byte to look at
//	R9, R8  end of the text, and 64 bytes before it

// CHECK checks 16 bytes, given the bytes one, two and three places before each of them. It adds
// what is wrong with them to V19.
//
//	V20, V21, V22  sets of rules: upper and lower nibble of a byte, upper nibble of the next
//	V23            0x0f in each byte
//	V24, V25, V26  0x60, 0x70 and 0x80: a byte that is above 0x7f after 0x60 was subtracted, but
//	               not beyond zero, was 0xe0 or more
#define CHECK(in, one, two, three) \
	VUSHR $4, one, V16.B16             \
	VUSHR $4, in, V17.B16              \
	VAND  V23.B16, one, one            \
	VTBL  V16.B16, [V20.B16], V16.B16  \
	VTBL  one, [V21.B16], V18.B16      \
	VTBL  V17.B16, [V22.B16], V17.B16  \
	VUMAX V24.B16, two, two            \
	VUMAX V25.B16, three, three        \
	VSUB  V24.B16, two, two            \
	VSUB  V25.B16, three, three        \
	VAND  V18.B16, V16.B16, V16.B16    \
	VAND  V17.B16, V16.B16, V16.B16    \
	VORR  three, two, two              \
	VAND  V26.B16, two, two            \
	VEOR  V16.B16, two, two            \
	VORR  two, V19.B16, V19.B16

// CHECK64 checks 64 bytes, which end up in V0 to V3.
#define CHECK64 \
	SUB  $1, R0, R4                                 \
	SUB  $2, R0, R5                                 \
	SUB  $3, R0, R6                                 \
	VLD1 (R0), [V0.B16, V1.B16, V2.B16, V3.B16]     \
	VLD1 (R4), [V4.B16, V5.B16, V6.B16, V7.B16]     \
	VLD1 (R5), [V8.B16, V9.B16, V10.B16, V11.B16]   \
	VLD1 (R6), [V12.B16, V13.B16, V14.B16, V15.B16] \
	CHECK(V0.B16, V4.B16, V8.B16, V12.B16)          \
	CHECK(V1.B16, V5.B16, V9.B16, V13.B16)          \
	CHECK(V2.B16, V6.B16, V10.B16, V14.B16)         \
	CHECK(V3.B16, V7.B16, V11.B16, V15.B16)

// HIGH sets the flag EQ if V0 to V3 are ASCII.
#define HIGH \
	VORR V1.B16, V0.B16, V0.B16      \
	VORR V3.B16, V2.B16, V2.B16      \
	VORR V2.B16, V0.B16, V0.B16      \
	VMOV V0.D[0], R4                 \
	VMOV V0.D[1], R5                 \
	ORR  R5, R4, R4                  \
	TST  $0x8080808080808080, R4

// func validVector(p *byte, n int, t *tables) bool
TEXT ·validVector(SB), NOSPLIT|NOFRAME, $0-25
	MOVD  p+0(FP), R0
	MOVD  n+8(FP), R1
	MOVD  t+16(FP), R2
	ADD   R0, R1, R9
	SUB   $64, R9, R8
	ADD   $tables_high16, R2, R3
	VLD1  (R3), [V20.B16, V21.B16, V22.B16] // and low16 and next16, after it
	VMOVI $0x0f, V23.B16
	VMOVI $0x60, V24.B16
	VMOVI $0x70, V25.B16
	VMOVI $0x80, V26.B16
	VMOVI $0, V19.B16

ascii:
	CMP  R8, R0
	BHS  last
	VLD1 (R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	HIGH
	BNE  mixed
	ADD  $64, R0
	B    ascii

mixed:
	CMP R8, R0
	BHS last
	CHECK64
	ADD $64, R0
	HIGH
	BNE mixed
	B   ascii

last:
	MOVD R8, R0
	CHECK64
	VMOV V19.D[0], R4
	VMOV V19.D[1], R5
	ORR  R5, R4, R4
	CMP  $0, R4
	CSET EQ, R4
	MOVB R4, ret+24(FP)
	RET
