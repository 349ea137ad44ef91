#include "textflag.h"

// ADD adds the 32-bit words of 32 octets to two vectors of 64-bit sums.
#define ADD(at, low, high) \
	VMOVDQU at(SI), Y5;     \
	VPAND   Y4, Y5, Y6;     \
	VPSRLQ  $32, Y5, Y5;    \
	VPADDQ  Y6, low, low;   \
	VPADDQ  Y5, high, high

// func sumBlocks(b []byte) uint64
TEXT ·sumBlocks(SB), NOSPLIT, $0-32
	MOVQ     b_base+0(FP), SI
	MOVQ     b_len+8(FP), CX
	VPXOR    Y0, Y0, Y0
	VPXOR    Y1, Y1, Y1
	VPXOR    Y2, Y2, Y2
	VPXOR    Y3, Y3, Y3
	VPCMPEQD Y4, Y4, Y4
	VPSRLQ   $32, Y4, Y4 // the low half of each 64 bits

block:
	ADD(0, Y0, Y1)
	ADD(32, Y2, Y3)
	ADDQ $64, SI
	SUBQ $64, CX
	JNE  block

	VPADDQ       Y1, Y0, Y0
	VPADDQ       Y3, Y2, Y2
	VPADDQ       Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDQ       X1, X0, X0
	VPSRLDQ      $8, X0, X1
	VPADDQ       X1, X0, X0
	VMOVQ        X0, AX
	VZEROUPPER
	MOVQ         AX, ret+24(FP)
	RET
