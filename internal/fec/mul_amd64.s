#include "textflag.h"

DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $8

// BEGIN loads the arguments: SI is the data and CX its length, AX the products, BX the
// headers of the sums and DX the offset into them. DI counts the octets that are done.
#define BEGIN \
	MOVQ         products+0(FP), AX;  \
	MOVQ         data_base+8(FP), SI; \
	MOVQ         data_len+16(FP), CX; \
	MOVQ         sums_base+32(FP), BX; \
	MOVQ         offset+56(FP), DX;   \
	VPBROADCASTQ nibbles<>(SB), Y14;  \
	XORQ         DI, DI

// LOAD loads the products of a row's coefficient, and the address of its sum.
#define LOAD(row, low, high, sum) \
	VBROADCASTI128 (32*row)(AX), low;     \
	VBROADCASTI128 (32*row+16)(AX), high; \
	MOVQ           (24*row)(BX), sum;     \
	ADDQ           DX, sum

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

// NEXT goes on with the next block.
#define NEXT(again) \
	ADDQ $64, DI; \
	CMPQ DI, CX;  \
	JLT  again;   \
	VZEROUPPER;   \
	RET

// LOAD1 to LOAD4 load so many rows, and ROWS1 to ROWS4 do a block of them.
#define LOAD1 LOAD(0, Y0, Y1, R8)
#define LOAD2 LOAD1; LOAD(1, Y2, Y3, R9)
#define LOAD3 LOAD2; LOAD(2, Y4, Y5, R10)
#define LOAD4 LOAD3; LOAD(3, Y6, Y7, R11)
#define ROWS1(op32) ROW(op32, Y0, Y1, R8)
#define ROWS2(op32) ROWS1(op32); ROW(op32, Y2, Y3, R9)
#define ROWS3(op32) ROWS2(op32); ROW(op32, Y4, Y5, R10)
#define ROWS4(op32) ROWS3(op32); ROW(op32, Y6, Y7, R11)

// MUL is the whole of a function.
#define MUL(load, rows) \
	BEGIN; \
	load; \
	CMPB set+64(FP), $0; \
	JEQ  add; \
set: \
	BLOCK; \
	rows(SET32); \
	NEXT(set); \
add: \
	BLOCK; \
	rows(ADD32); \
	NEXT(add)

// func mul1(products *products, data []byte, sums [][]byte, offset int, set bool)
TEXT ·mul1(SB), NOSPLIT, $0-65
	MUL(LOAD1, ROWS1)

// func mul2(products *products, data []byte, sums [][]byte, offset int, set bool)
TEXT ·mul2(SB), NOSPLIT, $0-65
	MUL(LOAD2, ROWS2)

// func mul3(products *products, data []byte, sums [][]byte, offset int, set bool)
TEXT ·mul3(SB), NOSPLIT, $0-65
	MUL(LOAD3, ROWS3)

// func mul4(products *products, data []byte, sums [][]byte, offset int, set bool)
TEXT ·mul4(SB), NOSPLIT, $0-65
	MUL(LOAD4, ROWS4)
