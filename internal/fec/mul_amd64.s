#include "textflag.h"

DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $8

// BEGIN loads the arguments: AX is the products of the first shard, BX its header, CX
// where the headers end, and DI counts the octets that are done.
#define BEGIN \
	MOVQ         products+0(FP), AX;    \
	MOVQ         shards_base+16(FP), BX; \
	MOVQ         shards_len+24(FP), CX; \
	LEAQ         (CX)(CX*2), CX;        \
	LEAQ         (BX)(CX*8), CX;        \
	MOVQ         sums_base+40(FP), SI;  \
	MOVQ         offset+64(FP), DX;     \
	VPBROADCASTQ nibbles<>(SB), Y14;    \
	XORQ         DI, DI

// SUM loads the address of a row's sum.
#define SUM(row, sum) \
	MOVQ (24*row)(SI), sum; \
	ADDQ DX, sum

// LOAD loads a block of a sum, and ZERO makes it zero.
#define LOAD(sum, x, y) \
	VMOVDQU (sum)(DI*1), x; \
	VMOVDQU 32(sum)(DI*1), y

#define ZERO(sum, x, y) \
	VPXOR x, x, x; \
	VPXOR y, y, y

#define STORE(sum, x, y) \
	VMOVDQU x, (sum)(DI*1); \
	VMOVDQU y, 32(sum)(DI*1)

// SPLIT loads 32 octets, the low four bits of each to low and the high ones to high.
#define SPLIT(at, low, high) \
	VMOVDQU at(SI)(DI*1), low; \
	VPSRLQ  $4, low, high;     \
	VPAND   Y14, low, low;     \
	VPAND   Y14, high, high

// PART adds to the sums of 32 octets each a half of their products.
#define PART(from, sum) \
	VPSHUFB from, Y12, Y13; \
	VPXOR   Y13, sum, sum

// ROW adds the product of a shard's block to that of a row's sum.
#define ROW(row, x, y) \
	VBROADCASTI128 (32*row)(DX), Y12;    \
	PART(Y8, x);                         \
	PART(Y10, y);                        \
	VBROADCASTI128 (32*row+16)(DX), Y12; \
	PART(Y9, x);                         \
	PART(Y11, y)

// EACH1 to EACH4 do something with the sums of so many rows, and ROWS1 to ROWS4 add to
// them.
#define EACH1(do) do(R8, Y0, Y1)
#define EACH2(do) EACH1(do); do(R9, Y2, Y3)
#define EACH3(do) EACH2(do); do(R10, Y4, Y5)
#define EACH4(do) EACH3(do); do(R11, Y6, Y7)
#define SUMS1 SUM(0, R8)
#define SUMS2 SUMS1; SUM(1, R9)
#define SUMS3 SUMS2; SUM(2, R10)
#define SUMS4 SUMS3; SUM(3, R11)
#define ROWS1 ROW(0, Y0, Y1)
#define ROWS2 ROWS1; ROW(1, Y2, Y3)
#define ROWS3 ROWS2; ROW(2, Y4, Y5)
#define ROWS4 ROWS3; ROW(3, Y6, Y7)

// MUL is the whole of a function: block by block it adds up all shards.
#define MUL(sums, each, rows) \
	BEGIN; \
	sums; \
block: \
	CMPB set+80(FP), $0; \
	JEQ  load; \
	each(ZERO); \
	JMP  begin; \
load: \
	each(LOAD); \
begin: \
	MOVQ BX, R12; \
	MOVQ AX, DX; \
shard: \
	MOVQ (R12), SI; \
	SPLIT(0, Y8, Y9); \
	SPLIT(32, Y10, Y11); \
	rows; \
	ADDQ stride+8(FP), DX; \
	ADDQ $24, R12; \
	CMPQ R12, CX; \
	JLT  shard; \
	each(STORE); \
	ADDQ $64, DI; \
	CMPQ DI, size+72(FP); \
	JLT  block; \
	VZEROUPPER; \
	RET

// func mul1(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
TEXT ·mul1(SB), NOSPLIT, $0-81
	MUL(SUMS1, EACH1, ROWS1)

// func mul2(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
TEXT ·mul2(SB), NOSPLIT, $0-81
	MUL(SUMS2, EACH2, ROWS2)

// func mul3(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
TEXT ·mul3(SB), NOSPLIT, $0-81
	MUL(SUMS3, EACH3, ROWS3)

// func mul4(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
TEXT ·mul4(SB), NOSPLIT, $0-81
	MUL(SUMS4, EACH4, ROWS4)
