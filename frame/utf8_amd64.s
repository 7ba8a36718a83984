//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Both kernels have the same shape. One loop skips ASCII, the other checks 64 bytes as
// utf8_vector.go says. After other text, the first block of ASCII is checked, since a code point
// may break off there, and the next ones are skipped. The rest at the end is checked as 64 bytes,
// together with bytes before it that were checked already.
//
// The three bytes before each byte are loaded from memory, since an unaligned load costs less than
// shifting registers.
//
//	SI  the next byte to look at
//	R9  end of the text
//	R8  64 bytes before it
//	DI  tables

// CHECK checks the 32 bytes at off(SI), which end up in Y0. It adds what is wrong with them to Y8.
//
//	Y15, Y14, Y13  sets of rules: upper and lower nibble of a byte, upper nibble of the next
//	Y12            0x0f in each byte
//	Y11, Y10, Y9   0x60, 0x70 and 0x80: a byte above 0x7f after 0x60 was subtracted was 0xe0 or more
#define CHECK(off) \
	VMOVDQU  off(SI), Y0     \
	VMOVDQU  (off-1)(SI), Y1 \
	VMOVDQU  (off-2)(SI), Y5 \
	VMOVDQU  (off-3)(SI), Y6 \
	VPSRLW   $4, Y1, Y2      \
	VPSRLW   $4, Y0, Y4      \
	VPAND    Y12, Y1, Y3     \
	VPAND    Y12, Y2, Y2     \
	VPAND    Y12, Y4, Y4     \
	VPSHUFB  Y2, Y15, Y2     \
	VPSHUFB  Y3, Y14, Y3     \
	VPSHUFB  Y4, Y13, Y4     \
	VPSUBUSB Y11, Y5, Y5     \
	VPSUBUSB Y10, Y6, Y6     \
	VPAND    Y3, Y2, Y2      \
	VPAND    Y4, Y2, Y2      \
	VPOR     Y6, Y5, Y5      \
	VPAND    Y9, Y5, Y5      \
	VPXOR    Y2, Y5, Y5      \
	VPOR     Y5, Y8, Y8

// func validVector(p *byte, n int, t *tables) bool
TEXT ·validVector(SB), NOSPLIT|NOFRAME, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), R9
	MOVQ t+16(FP), DI
	ADDQ SI, R9
	LEAQ -64(R9), R8

	CMPB ·active(SB), $const_levelWide
	JEQ  wide

	VBROADCASTI128 tables_high16(DI), Y15
	VBROADCASTI128 tables_low16(DI), Y14
	VBROADCASTI128 tables_next16(DI), Y13
	MOVL           $0x0f0f0f0f, AX
	VMOVD          AX, X12
	VPBROADCASTD   X12, Y12
	MOVL           $0x60606060, AX
	VMOVD          AX, X11
	VPBROADCASTD   X11, Y11
	MOVL           $0x70707070, AX
	VMOVD          AX, X10
	VPBROADCASTD   X10, Y10
	MOVL           $0x80808080, AX
	VMOVD          AX, X9
	VPBROADCASTD   X9, Y9
	VPXOR          X8, X8, X8

ascii:
	LEAQ 128(SI), AX
	CMPQ AX, R9
	JA   mixed

asciiLoop:
	VMOVDQU   (SI), Y0
	VMOVDQU   64(SI), Y1
	VPOR      32(SI), Y0, Y0
	VPOR      96(SI), Y1, Y1
	VPOR      Y1, Y0, Y0
	VPMOVMSKB Y0, AX
	TESTL     AX, AX
	JNZ       mixed
	ADDQ      $128, SI
	LEAQ      128(SI), AX
	CMPQ      AX, R9
	JBE       asciiLoop

mixed:
	CMPQ SI, R8
	JAE  last

	PCALIGN $32
mixedLoop:
	CHECK(0)
	VMOVDQA   Y0, Y7
	CHECK(32)
	VPOR      Y7, Y0, Y0
	ADDQ      $64, SI
	VPMOVMSKB Y0, AX
	TESTL     AX, AX
	JZ        ascii
	CMPQ      SI, R8
	JB        mixedLoop

last:
	MOVQ R8, SI
	CHECK(0)
	CHECK(32)
	VPTEST Y8, Y8
	SETEQ  ret+24(FP)
	VZEROUPPER
	RET

// WIDE checks the 64 bytes at (SI), which end up in Z0, as CHECK does. But VPERMB looks up six
// bits, and ignores the two above them, which VPSRLW has taken from the neighbour.
//
//	Z15, Z14, Z13  sets of rules
//	Z11, Z10, Z9   0x60, 0x70 and 0x80 in each byte
//	Z8             what is wrong so far
#define WIDE \
	VMOVDQU64  (SI), Z0          \
	VMOVDQU64  -1(SI), Z1        \
	VMOVDQU64  -2(SI), Z5        \
	VMOVDQU64  -3(SI), Z6        \
	VPSRLW     $2, Z1, Z2        \
	VPSRLW     $2, Z0, Z4        \
	VPERMB     Z14, Z1, Z3       \
	VPERMB     Z15, Z2, Z2       \
	VPERMB     Z13, Z4, Z4       \
	VPSUBUSB   Z11, Z5, Z5       \
	VPSUBUSB   Z10, Z6, Z6       \
	VPTERNLOGD $0x80, Z3, Z4, Z2 \
	VPTERNLOGD $0xa8, Z9, Z6, Z5 \
	VPTERNLOGD $0xf6, Z2, Z5, Z8

wide:
	VMOVDQU64    tables_high(DI), Z15
	VMOVDQU64    tables_low(DI), Z14
	VMOVDQU64    tables_next(DI), Z13
	MOVL         $0x60606060, AX
	VPBROADCASTD AX, Z11
	MOVL         $0x70707070, AX
	VPBROADCASTD AX, Z10
	MOVL         $0x80808080, AX
	VPBROADCASTD AX, Z9
	VPXORD       Z8, Z8, Z8

wideASCII:
	LEAQ 256(SI), AX
	CMPQ AX, R9
	JA   wideMixed

wideASCIILoop:
	VMOVDQU64  (SI), Z0
	VMOVDQU64  64(SI), Z1
	VPORD      128(SI), Z0, Z0
	VPTERNLOGD $0xfe, 192(SI), Z1, Z0 // Z0 | Z1 | what is loaded
	VPTESTMB   Z9, Z0, K1
	KORTESTQ   K1, K1
	JNZ        wideMixed
	ADDQ       $256, SI
	LEAQ       256(SI), AX
	CMPQ       AX, R9
	JBE        wideASCIILoop

wideMixed:
	CMPQ SI, R8
	JAE  wideLast

	PCALIGN $32
wideMixedLoop:
	WIDE
	ADDQ     $64, SI
	VPTESTMB Z9, Z0, K1
	KORTESTQ K1, K1
	JZ       wideASCII
	CMPQ     SI, R8
	JB       wideMixedLoop

wideLast:
	MOVQ     R8, SI
	WIDE
	VPTESTMB Z8, Z8, K1
	KORTESTQ K1, K1
	SETEQ    ret+24(FP)
	VZEROUPPER
	RET
