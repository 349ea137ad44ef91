/* zmq: a peer that runs on libzmq, with its epgm:// and pgm:// transports, to test against.
 *
 *	gcc -O2 -o zmq zmq.c $(pkg-config --cflags --libs libzmq)
 *
 *	zmq recv --network 'eth0;239.192.0.1' --count 1000
 *	zmq send --network 'eth0;239.192.0.1' --count 1000 --max 100000 --rate 80000
 *
 * Each prints "ready" once its socket is connected, and a line of JSON at the end.
 * Package internal/interop builds it, runs it, and knows its messages and digest.
 *
 * Of libzmq over PGM it is worth knowing, and the code below allows for it:
 *
 *  1. ZMQ_RATE and ZMQ_RECOVERY_IVL set the size of the window at both ends, 80
 *     packets by default. A SUB with less than what is under way loses data.
 *  2. A PUB at its high watermark drops messages without a word. With
 *     ZMQ_XPUB_NODROP it waits.
 *  3. Once a PUB is closed it repairs nothing, and it may never send its last
 *     packet. So it is closed only when standard input is.
 *  4. A SUB drops packets while its high watermark is reached. It has none here.
 *  5. After a loss a SUB may deliver the beginning of one message and the end of
 *     another as one. That is counted as bad.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>
#include "peer.h"

static struct {
	const char *network;
	int port;
	uint64_t first, count;
	int max, rate, recovery, rcvbuf;
	double delay, idle;
	uint64_t every;
	int late, native;
} opt = {
	.network = ";239.192.0.1", .port = 5555,
	.count = 1000, .max = 1000, .rate = 80000, .recovery = 2000, .rcvbuf = 4 << 20,
	.delay = 0.2, .idle = 5,
};

static void usage(void)
{
	fputs("usage: zmq send|recv [options]\n"
	      "  --network NET     interface;group                               [;239.192.0.1]\n"
	      "  --port N          UDP port                                      [5555]\n"
	      "  --first N         number of the first message                   [0]\n"
	      "  --count N         messages                                      [1000]\n"
	      "  --max N           bytes of the largest message                  [1000]\n"
	      "  --rate N          ZMQ_RATE, in kbit/s                           [80000]\n"
	      "  --recovery MS     ZMQ_RECOVERY_IVL                              [2000]\n"
	      "  --rcvbuf BYTES    ZMQ_RCVBUF                                    [4194304]\n"
	      "  --delay S         wait after connecting, before sending         [0.2]\n"
	      "  --idle S          give up when nothing arrives for so long      [5]\n"
	      "  --native          pgm://, not epgm://\n"
	      "  --late            begin with any message, the first of 16 bytes\n"
	      "  --every N         report each time N messages have come\n", stderr);
	exit(2);
}

static void die(const char *what)
{
	fprintf(stderr, "zmq: %s: %s\n", what, zmq_strerror(errno));
	exit(1);
}

/* ---- messages ---- */

enum { MAX_PARTS = 4 };

/* A message in parts: part i is from end[i-1] to end[i] of its bytes. */
struct message {
	int parts;
	size_t end[MAX_PARTS];
	unsigned char *bytes;
};

/* The first numbers of a message's generator choose the size, how many parts, and
 * where these end; the others are the bytes. */

/* Sets all of the message of an index but its bytes, and returns the generator
 * for those. Most messages are small, of one part. */
static uint64_t shape(uint64_t index, struct message *m)
{
	uint64_t state = seed(index);
	uint64_t x = next(&state) >> 8;
	int bits = x % 22;
	uint64_t sizes = bits < 18 ? UINT64_C(1) << bits : 64;
	if (sizes > (uint64_t)opt.max + 1)
		sizes = (uint64_t)opt.max + 1;
	size_t size = (x >> 16) % sizes;
	x = next(&state) >> 8;
	m->parts = x % 8 < 5 ? 1 : (int)(x % 8) - 3;
	size_t end = 0;
	for (int i = 0; i < m->parts - 1; i++) {
		end += (next(&state) >> 8) % (size - end + 1);
		m->end[i] = end;
	}
	m->end[m->parts - 1] = size;
	return state;
}

static size_t size_of(const struct message *m) { return m->end[m->parts - 1]; }

static void make(uint64_t index, struct message *m)
{
	uint64_t state = shape(index, m);
	fill(&state, m->bytes, size_of(m));
}

static bool same(const struct message *a, const struct message *b)
{
	return a->parts == b->parts && !memcmp(a->end, b->end, a->parts * sizeof *a->end);
}

/* The digest is over the number of parts, and for each part its length and then
 * its bytes. */
static void add_to_digest(const struct message *m)
{
	fnv32(m->parts);
	size_t begin = 0;
	for (int i = 0; i < m->parts; begin = m->end[i++]) {
		fnv32(m->end[i] - begin);
		fnv(m->bytes + begin, m->end[i] - begin);
	}
}

static struct message buffer(void)
{
	struct message m = { .bytes = malloc(opt.max + 8) };
	if (!m.bytes)
		die("malloc");
	return m;
}

/* ---- socket ---- */

static void *ctx, *sock;

static void set(int name, int value, const char *what)
{
	if (zmq_setsockopt(sock, name, &value, sizeof value))
		die(what);
}
#define SET(name, value) set(name, value, #name)

static void open_socket(int type)
{
	char endpoint[300];
	snprintf(endpoint, sizeof endpoint, "%s://%s:%d", opt.native ? "pgm" : "epgm", opt.network, opt.port);
	if (!(ctx = zmq_ctx_new()) || !(sock = zmq_socket(ctx, type)))
		die("zmq_socket");
	SET(ZMQ_RATE, opt.rate);
	SET(ZMQ_RECOVERY_IVL, opt.recovery);
	SET(ZMQ_RCVBUF, opt.rcvbuf);
	if (type == ZMQ_PUB) {
		SET(ZMQ_XPUB_NODROP, 1);
	} else {
		SET(ZMQ_RCVHWM, 0);
		SET(ZMQ_RCVTIMEO, (int)(opt.idle * 1000));
		if (zmq_setsockopt(sock, ZMQ_SUBSCRIBE, "", 0))
			die("ZMQ_SUBSCRIBE");
	}
	if (zmq_connect(sock, endpoint))
		die(endpoint);
	puts("ready");
	fflush(stdout);
}

/* ---- roles ---- */

static uint64_t messages, bytes, skipped, bad, expected;
static double first, last;

static void report(void)
{
	printf("{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\","
	       "\"next\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"seconds\":%.6f}\n",
	       messages, bytes, digest, expected, skipped, bad, last > first ? last - first : 0);
	fflush(stdout);
}

static void do_send(void)
{
	open_socket(ZMQ_PUB);
	struct message m = buffer();
	pause_for(opt.delay);
	first = now();
	for (uint64_t i = opt.first; i < opt.first + opt.count; i++) {
		make(i, &m);
		add_to_digest(&m);
		size_t begin = 0;
		for (int j = 0; j < m.parts; begin = m.end[j++]) {
			int more = j < m.parts - 1 ? ZMQ_SNDMORE : 0;
			if (zmq_send(sock, m.bytes + begin, m.end[j] - begin, more) < 0)
				die("zmq_send");
		}
		messages++;
		bytes += size_of(&m);
	}
	last = now();
	char c;
	while (read(0, &c, 1) > 0)
		;
	report();
	zmq_close(sock);
	zmq_ctx_term(ctx);
}

/* Takes the next message, whatever its size; false when none came for --idle
 * seconds. One that is no message of ours has more bytes or parts than one can. */
static bool await(struct message *m)
{
	size_t size = 0;
	int parts = 0, more = 1;
	for (zmq_msg_t part; more; zmq_msg_close(&part)) {
		zmq_msg_init(&part);
		if (zmq_msg_recv(&part, sock, 0) < 0) {
			if (errno == EAGAIN)
				return false;
			die("zmq_msg_recv");
		}
		size_t n = zmq_msg_size(&part);
		if (parts < MAX_PARTS && n <= opt.max - size) {
			memcpy(m->bytes + size, zmq_msg_data(&part), n);
			size += n;
			m->end[parts++] = size;
		} else {
			parts = MAX_PARTS + 1;
		}
		more = zmq_msg_more(&part);
	}
	m->parts = parts;
	return true;
}

static void do_recv(void)
{
	open_socket(ZMQ_SUB);
	struct message got = buffer(), want = buffer();
	uint64_t end = opt.first + opt.count;
	expected = opt.first;
	while (expected < end && await(&got)) {
		/* Which one is a short message? There are many that are equal. */
		if (opt.late && messages == 0 && (got.parts > MAX_PARTS || size_of(&got) < 16))
			continue;
		last = now();
		if (messages == 0)
			first = last;
		/* Which is it? One sent after the one before, and the next but for loss. */
		uint64_t i = expected;
		for (; i < end; i++) {
			shape(i, &want);
			if (!same(&got, &want))
				continue;
			make(i, &want);
			if (!memcmp(got.bytes, want.bytes, size_of(&want)))
				break;
		}
		if (i == end) {
			bad++;
			continue;
		}
		if (messages++ > 0)
			skipped += i - expected;
		bytes += size_of(&got);
		add_to_digest(&got);
		expected = i + 1;
		if (opt.every && messages % opt.every == 0)
			report();
	}
	report();
}

static void parse(int argc, char **argv)
{
	enum { NETWORK, PORT, FIRST, COUNT, MAX, RATE, RECOVERY, RCVBUF, DELAY, IDLE, EVERY, LATE, NATIVE };
#define ARG(name, value) { name, required_argument, NULL, value }
	static const struct option names[] = {
		ARG("network", NETWORK), ARG("port", PORT), ARG("first", FIRST), ARG("count", COUNT),
		ARG("max", MAX), ARG("rate", RATE), ARG("recovery", RECOVERY), ARG("rcvbuf", RCVBUF),
		ARG("delay", DELAY), ARG("idle", IDLE), ARG("every", EVERY), { "late", no_argument, NULL, LATE },
		{ "native", no_argument, NULL, NATIVE }, { 0 },
	};
	int which;
	while ((which = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		double x = optarg ? atof(optarg) : 0;
		switch (which) {
		case NETWORK: opt.network = optarg; break;
		case PORT: opt.port = x; break;
		case FIRST: opt.first = x; break;
		case COUNT: opt.count = x; break;
		case MAX: opt.max = x; break;
		case RATE: opt.rate = x; break;
		case RECOVERY: opt.recovery = x; break;
		case RCVBUF: opt.rcvbuf = x; break;
		case DELAY: opt.delay = x; break;
		case IDLE: opt.idle = x; break;
		case EVERY: opt.every = x; break;
		case LATE: opt.late = 1; break;
		case NATIVE: opt.native = 1; break;
		default: usage();
		}
	}
	if (optind != argc || opt.max < 0 || opt.max > 1 << 24)
		usage();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		usage();
	const char *role = argv[1];
	parse(argc - 1, argv + 1);
	if (!strcmp(role, "send"))
		do_send();
	else if (!strcmp(role, "recv"))
		do_recv();
	else
		usage();
	return 0;
}
