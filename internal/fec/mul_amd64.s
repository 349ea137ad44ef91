#include "textflag.h"

DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $8

// BEGIN loads the arguments: AX is the products of the first shard, BX its header, CX
// where the headers end, R12 how many octets there are to do, and R13 whether to set.
#define BEGIN \
	MOVQ         products+0(FP), AX;     \
	MOVQ         shards_base+16(FP), BX; \
	MOVQ         shards_len+24(FP), CX;  \
	LEAQ         (CX)(CX*2), CX;         \
	LEAQ         (BX)(CX*8), CX;         \
	MOVQ         sums_base+40(FP), SI;   \
	MOVQ         offset+64(FP), DX;      \
	MOVQ         size+72(FP), R12;       \
	MOVBLZX      set+80(FP), R13;        \
	VPBROADCASTQ nibbles<>(SB), Y14

// SUM loads the address of a row's sum.
#define SUM(row, sum) \
	MOVQ (24*row)(SI), sum; \
	ADDQ DX, sum

// TABLES loads the products of a row's coefficient.
#define TABLES(row, low, high) \
	VBROADCASTI128 (32*row)(AX), low; \
	VBROADCASTI128 (32*row+16)(AX), high

// SPLIT loads 32 octets, the low four bits of each to low and the high ones to high.
#define SPLIT(at, low, high) \
	VMOVDQU at(SI)(DI*1), low; \
	VPSRLQ  $4, low, high;     \
	VPAND   Y14, low, low;     \
	VPAND   Y14, high, high

#define BLOCK \
	SPLIT(0, Y8, Y9); \
	SPLIT(32, Y10, Y11)

// PRODUCT is that of 32 octets of the data.
#define PRODUCT(x, y, low, high) \
	VPSHUFB x, low, Y12;  \
	VPSHUFB y, high, Y13; \
	VPXOR   Y12, Y13, Y12

// SET32 sets 32 octets of a sum to their product, and ADD32 adds it.
#define SET32(at, x, y, low, high, sum) \
	PRODUCT(x, y, low, high); \
	VMOVDQU Y12, at(sum)(DI*1)

#define ADD32(at, x, y, low, high, sum) \
	PRODUCT(x, y, low, high);        \
	VPXOR   at(sum)(DI*1), Y12, Y12; \
	VMOVDQU Y12, at(sum)(DI*1)

// ROW does either for a block.
#define ROW(op32, low, high, sum) \
	op32(0, Y8, Y9, low, high, sum); \
	op32(32, Y10, Y11, low, high, sum)

// SUMS1 to SUMS4 load the sums of so many rows, TABLES1 to TABLES4 their tables, and
// ROWS1 to ROWS4 do a block of them.
#define SUMS1 SUM(0, R8)
#define SUMS2 SUMS1; SUM(1, R9)
#define SUMS3 SUMS2; SUM(2, R10)
#define SUMS4 SUMS3; SUM(3, R11)
#define TABLES1 TABLES(0, Y0, Y1)
#define TABLES2 TABLES1; TABLES(1, Y2, Y3)
#define TABLES3 TABLES2; TABLES(2, Y4, Y5)
#define TABLES4 TABLES3; TABLES(3, Y6, Y7)
#define ROWS1(op32) ROW(op32, Y0, Y1, R8)
#define ROWS2(op32) ROWS1(op32); ROW(op32, Y2, Y3, R9)
#define ROWS3(op32) ROWS2(op32); ROW(op32, Y4, Y5, R10)
#define ROWS4(op32) ROWS3(op32); ROW(op32, Y6, Y7, R11)

// BLOCKS does something with one block after the other. Where the loop begins late in a
// cache line, it takes a sixteenth longer.
#define BLOCKS(again, do) \
	PCALIGN $64; \
again: \
	BLOCK;        \
	do;           \
	ADDQ $64, DI; \
	CMPQ DI, R12; \
	JLT  again

// MUL is the whole of a function: shard by shard, block by block.
#define MUL(sums, tables, rows) \
	BEGIN; \
	sums; \
shard: \
	tables; \
	MOVQ  (BX), SI; \
	XORL  DI, DI;   \
	TESTL R13, R13; \
	JEQ   add;      \
	XORL  R13, R13; \
	BLOCKS(set, rows(SET32)); \
	JMP   next; \
	BLOCKS(add, rows(ADD32)); \
next: \
	ADDQ stride+8(FP), AX; \
	ADDQ $24, BX; \
	CMPQ BX, CX;  \
	JLT  shard;   \
	VZEROUPPER;   \
	RET

// func mul1(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
TEXT ·mul1(SB), NOSPLIT, $0-81
	MUL(SUMS1, TABLES1, ROWS1)

// func mul2(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
TEXT ·mul2(SB), NOSPLIT, $0-81
	MUL(SUMS2, TABLES2, ROWS2)

// func mul3(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
TEXT ·mul3(SB), NOSPLIT, $0-81
	MUL(SUMS3, TABLES3, ROWS3)

// func mul4(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
TEXT ·mul4(SB), NOSPLIT, $0-81
	MUL(SUMS4, TABLES4, ROWS4)
