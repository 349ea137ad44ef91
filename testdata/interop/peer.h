/* peer.h: what the peers have in common. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* ---- time ---- */

/* The clock that all processes of a machine share, in seconds. A double has it to
 * some nanoseconds for months after the start. */
static inline double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static inline void pause_for(double seconds)
{
	if (seconds <= 0)
		return;
	struct timespec t = { (time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9) };
	nanosleep(&t, NULL);
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Sorts times in seconds. */
static inline void sort_times(double *times, size_t n) { qsort(times, n, sizeof *times, by_value); }

/* The one of n sorted times below which the share q of them lie, in microseconds;
 * 0 if there is none. */
static inline double at_share(const double *times, size_t n, double q)
{
	return n ? 1e6 * times[(size_t)((n - 1) * q)] : 0;
}

/* ---- messages ---- */

/* A xorshift64* generator. That of a message is seeded by its number. */
static inline uint64_t seed(uint64_t number) { return (number + 1) * UINT64_C(0x9E3779B97F4A7C15); }

static inline uint64_t next(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * UINT64_C(0x2545F4914F6CDD1D);
}

/* Fills p with numbers of the generator, lowest byte first. */
static inline void fill(uint64_t *state, unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t x = next(state);
		for (size_t j = i; j < i + 8 && j < n; j++, x >>= 8)
			p[j] = (unsigned char)x;
	}
}

/* FNV-1a, 64 bits. */
static uint64_t digest = UINT64_C(0xcbf29ce484222325);

static inline void fnv(const unsigned char *p, size_t n)
{
	while (n--)
		digest = (digest ^ *p++) * UINT64_C(0x100000001b3);
}

/* A number as four bytes, highest first. */
static inline void fnv32(uint32_t x)
{
	unsigned char b[4] = { x >> 24, x >> 16, x >> 8, x };
	fnv(b, sizeof b);
}
