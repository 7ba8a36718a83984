//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Both kernels have the same shape. The blocks at the end are masked with the key rotated by the
// length (RFC 6455 section 5.3: byte i takes key byte i modulo 4). They are loaded before anything
// is stored, and stored last. Bytes of theirs that were masked before get the same values again.
// Short slices are two runs of blocks, one from the start and one up to the end. Longer slices are
// a block at the start, a loop that stores to aligned addresses only, since an unaligned 64-byte
// store always touches two cache lines, and a run of blocks at the end.
//
//	DI, SI  dst and src, moving
//	BX      n
//	R8, R9  start and end of dst
//	R10     where the loop ends
//	AX, DX  the key at the start and the key at the end, which all blocks at the end take: each
//	        begins a multiple of 4 bytes before the end

// func vector(dst, src *byte, n int, key uint32)
TEXT ·vector(SB), NOSPLIT|NOFRAME, $0-28
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), BX
	MOVL key+24(FP), AX

	// The key at byte n is rotated right by 8 bits for each byte.
	MOVL BX, CX
	SHLL $3, CX
	MOVL AX, DX
	RORL CX, DX

	CMPB ·active(SB), $const_levelWide
	JEQ  wide

	VMOVD        AX, X15
	VMOVD        DX, X14
	VPBROADCASTD X15, Y15
	VPBROADCASTD X14, Y14
	CMPQ         BX, $128
	JGE          long

	// 64 to 127 bytes: 64 from the start and 64 from the end.
	VPXOR   (SI), Y15, Y0
	VPXOR   32(SI), Y15, Y1
	VPXOR   -64(SI)(BX*1), Y14, Y2
	VPXOR   -32(SI)(BX*1), Y14, Y3
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, -64(DI)(BX*1)
	VMOVDQU Y3, -32(DI)(BX*1)
	VZEROUPPER
	RET

long:
	// The first 32 bytes and the last 128.
	VPXOR (SI), Y15, Y4
	VPXOR -128(SI)(BX*1), Y14, Y5
	VPXOR -96(SI)(BX*1), Y14, Y6
	VPXOR -64(SI)(BX*1), Y14, Y7
	VPXOR -32(SI)(BX*1), Y14, Y8

	// On to the first aligned address of dst, with the key at that byte.
	MOVQ         DI, R8
	LEAQ         (DI)(BX*1), R9
	LEAQ         -128(R9), R10
	MOVQ         DI, CX
	NEGQ         CX
	ANDQ         $31, CX
	ADDQ         CX, DI
	ADDQ         CX, SI
	SHLL         $3, CX
	RORL         CX, AX
	VMOVD        AX, X15
	VPBROADCASTD X15, Y15
	CMPQ         DI, R10
	JAE          ends

	PCALIGN $64
loop:
	VPXOR   (SI), Y15, Y0
	VPXOR   32(SI), Y15, Y1
	VPXOR   64(SI), Y15, Y2
	VPXOR   96(SI), Y15, Y3
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 64(DI)
	VMOVDQU Y3, 96(DI)
	ADDQ    $128, SI
	ADDQ    $128, DI
	CMPQ    DI, R10
	JB      loop

ends:
	VMOVDQU Y4, (R8)
	VMOVDQU Y5, -128(R9)
	VMOVDQU Y6, -96(R9)
	VMOVDQU Y7, -64(R9)
	VMOVDQU Y8, -32(R9)
	VZEROUPPER
	RET

wide:
	VPBROADCASTD AX, Z15
	VPBROADCASTD DX, Z14
	CMPQ         BX, $256
	JGE          wideLong
	CMPQ         BX, $128
	JGE          wideMedium

	// 64 to 127 bytes: 64 from the start and 64 from the end.
	VPXORD    (SI), Z15, Z0
	VPXORD    -64(SI)(BX*1), Z14, Z1
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, -64(DI)(BX*1)
	VZEROUPPER
	RET

wideMedium:
	// 128 to 255 bytes: 128 from the start and 128 from the end.
	VPXORD    (SI), Z15, Z0
	VPXORD    64(SI), Z15, Z1
	VPXORD    -128(SI)(BX*1), Z14, Z2
	VPXORD    -64(SI)(BX*1), Z14, Z3
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, -128(DI)(BX*1)
	VMOVDQU64 Z3, -64(DI)(BX*1)
	VZEROUPPER
	RET

wideLong:
	// The first 64 bytes and the last 256.
	VPXORD (SI), Z15, Z4
	VPXORD -256(SI)(BX*1), Z14, Z5
	VPXORD -192(SI)(BX*1), Z14, Z6
	VPXORD -128(SI)(BX*1), Z14, Z7
	VPXORD -64(SI)(BX*1), Z14, Z8

	// On to the first aligned address of dst, with the key at that byte.
	MOVQ         DI, R8
	LEAQ         (DI)(BX*1), R9
	LEAQ         -256(R9), R10
	MOVQ         DI, CX
	NEGQ         CX
	ANDQ         $63, CX
	ADDQ         CX, DI
	ADDQ         CX, SI
	SHLL         $3, CX
	RORL         CX, AX
	VPBROADCASTD AX, Z15
	CMPQ         DI, R10
	JAE          wideEnds

	PCALIGN $64
wideLoop:
	VPXORD    (SI), Z15, Z0
	VPXORD    64(SI), Z15, Z1
	VPXORD    128(SI), Z15, Z2
	VPXORD    192(SI), Z15, Z3
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z3, 192(DI)
	ADDQ      $256, SI
	ADDQ      $256, DI
	CMPQ      DI, R10
	JB        wideLoop

wideEnds:
	VMOVDQU64 Z4, (R8)
	VMOVDQU64 Z5, -256(R9)
	VMOVDQU64 Z6, -192(R9)
	VMOVDQU64 Z7, -128(R9)
	VMOVDQU64 Z8, -64(R9)
	VZEROUPPER
	RET
