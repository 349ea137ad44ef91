package fec

// The field is GF(2⁸) with the polynomial x⁸+x⁴+x³+x²+1, 0x11d, of which α = 2 is
// a generator: that of OpenPGM, and of package reedsolomon.

const (
	polynomial = 0x11d
	order      = 255 // of α
)

// exp holds the powers of α, twice over so that a sum of two logarithms needs no
// modulus, and log the logarithms of all elements but 0.
var exp, log = func() (exp [2 * order]byte, log [256]int) {
	x := 1
	for i := range order {
		exp[i], exp[i+order] = byte(x), byte(x)
		log[x] = i
		if x <<= 1; x > 0xff {
			x ^= polynomial
		}
	}
	return exp, log
}()

func mul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return exp[log[a]+log[b]]
}

// inv returns 1/a; a is not 0.
func inv(a byte) byte { return exp[order-log[a]] }
