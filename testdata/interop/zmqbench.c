/* zmqbench: libzmq over epgm://, to measure against.
 *
 *	gcc -O2 -o zmqbench zmqbench.c $(pkg-config --cflags --libs libzmq)
 *
 *	zmqbench sink,  zmqbench blast    throughput of messages of topic and --size bytes
 *	zmqbench pong,  zmqbench ping     round trips of the same
 *		with --interval, at least so long between them, the way there as pong's
 *
 * Each prints "ready" once its sockets are connected, and a line of JSON at the
 * end. Package internal/interop builds and runs it. What libzmq needs for a stream
 * without loss is in zmq.c; here, as there, a PUB waits at its high watermark.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>
#include "peer.h"

enum { TOPIC = 4, MAX_SIZE = 65536, MAX_TRIPS = 1 << 20 };

static struct {
	const char *out, *in;
	int size, rate, recovery, spin;
	double delay, duration, interval;
} opt = {
	.out = "", .in = "",
	.size = 100, .rate = 1000000, .recovery = 1000,
	.delay = 0.3, .duration = 2,
};

static const char topic[TOPIC + 1] = "test";
static const uint64_t end_mark = UINT64_MAX;

static void usage(void)
{
	fputs("usage: zmqbench sink|blast|pong|ping [options]\n"
	      "  --out, --in ENDPOINT   to publish to, to subscribe to, such as epgm://10.0.0.1;239.192.0.1:5555\n"
	      "  --size N               bytes of the second part               [100]\n"
	      "  --duration S           how long to send                       [2]\n"
	      "  --interval S           between messages, with pace            [0.0005]\n"
	      "  --rate N               ZMQ_RATE, in kbit/s                    [1000000]\n"
	      "  --recovery MS          ZMQ_RECOVERY_IVL                       [1000]\n"
	      "  --delay S              wait after connecting, before sending  [0.3]\n"
	      "  --spin                 never sleep\n", stderr);
	exit(2);
}

static void die(const char *what)
{
	fprintf(stderr, "zmqbench: %s: %s\n", what, zmq_strerror(errno));
	exit(1);
}

static void set(void *s, int option, int value)
{
	if (zmq_setsockopt(s, option, &value, sizeof value))
		die("zmq_setsockopt");
}

static void *open_socket(void *ctx, int type, const char *endpoint)
{
	void *s = zmq_socket(ctx, type);
	if (!s)
		die("zmq_socket");
	set(s, ZMQ_RATE, opt.rate);
	set(s, ZMQ_RECOVERY_IVL, opt.recovery);
	if (type == ZMQ_PUB) {
		set(s, ZMQ_XPUB_NODROP, 1);
		set(s, ZMQ_SNDHWM, 10000);
		set(s, ZMQ_SNDBUF, 4 << 20);
		set(s, ZMQ_LINGER, 0);
	} else {
		set(s, ZMQ_RCVHWM, 0);
		set(s, ZMQ_RCVBUF, 4 << 20);
		set(s, ZMQ_RCVTIMEO, 5000);
		if (zmq_setsockopt(s, ZMQ_SUBSCRIBE, topic, TOPIC))
			die("ZMQ_SUBSCRIBE");
	}
	if (zmq_connect(s, endpoint))
		die(endpoint);
	return s;
}

static unsigned char body[MAX_SIZE];

static void number(uint64_t n) { memcpy(body, &n, sizeof n); }

static void send_message(void *s)
{
	while (zmq_send(s, topic, TOPIC, ZMQ_SNDMORE) < 0)
		if (errno != EINTR)
			die("zmq_send");
	while (zmq_send(s, body, opt.size, 0) < 0)
		if (errno != EINTR)
			die("zmq_send");
}

/* Receives one part; 0 if none comes. */
static int recv_part(void *s, void *buf, size_t size)
{
	double until = 0;
	for (unsigned spins = 0;;) {
		int n = zmq_recv(s, buf, size, opt.spin ? ZMQ_DONTWAIT : 0);
		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			die("zmq_recv");
		if (!opt.spin)
			return 0;
		if (++spins % (1 << 14))
			continue;
		if (!until)
			until = now() + 5;
		else if (now() > until)
			return 0;
	}
}

static unsigned char buf[MAX_SIZE]; /* the second part of the message received last */

/* Receives a message and returns its number; the end mark too if none comes. */
static uint64_t recv_message(void *s)
{
	char head[TOPIC + 1];
	uint64_t n = end_mark;
	if (recv_part(s, head, sizeof head) != TOPIC || recv_part(s, buf, sizeof buf) != opt.size)
		return n;
	memcpy(&n, buf, sizeof n);
	return n;
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* The last packet of a PUB may stay where it is until more comes. */
static void send_end(void *s)
{
	number(end_mark);
	for (int i = 0; i < 20; i++) {
		send_message(s);
		pause_for(0.03);
	}
}

static void blast(void *ctx)
{
	void *out = open_socket(ctx, ZMQ_PUB, opt.out);
	ready();
	pause_for(opt.delay);
	uint64_t n = 0;
	double start = now();
	while (n % 64 || now() - start < opt.duration) {
		number(n++);
		send_message(out);
	}
	double seconds = now() - start;
	send_end(out);
	printf("{\"Messages\":%" PRIu64 ",\"Seconds\":%.6f}\n", n, seconds);
}

static void sink(void *ctx)
{
	void *in = open_socket(ctx, ZMQ_SUB, opt.in);
	ready();
	uint64_t n, received = 0, missing = 0, expected = 0;
	double start = 0;
	while ((n = recv_message(in)) != end_mark) {
		if (!received++)
			start = now();
		if (n != expected)
			missing += n > expected ? n - expected : 1;
		expected = n + 1;
	}
	printf("{\"Messages\":%" PRIu64 ",\"Resets\":%" PRIu64 ",\"Seconds\":%.6f}\n",
	       received, missing, now() - start);
}

static double times[MAX_TRIPS];

static void report_times(size_t n, uint64_t messages, double seconds)
{
	sort_times(times, n);
	printf("{\"Messages\":%" PRIu64 ",\"Seconds\":%.6f,\"P50\":%.3f,\"P99\":%.3f,\"P999\":%.3f}\n",
	       messages, seconds, at_share(times, n, .5), at_share(times, n, .99), at_share(times, n, .999));
}

/* With --interval it sleeps even with --spin: the thread of libzmq that sends may
 * have only this core. The time when a message is sent is in it, after its number. */
static void ping(void *ctx)
{
	void *in = open_socket(ctx, ZMQ_SUB, opt.in), *out = open_socket(ctx, ZMQ_PUB, opt.out);
	ready();
	pause_for(opt.delay);
	if (opt.interval > 0)
		opt.spin = 0;
	uint64_t trips = 0;
	double start = now(), before = start, due = start;
	for (uint64_t n = 0; trips < MAX_TRIPS && before - start < opt.duration; n++) {
		number(n);
		if (opt.interval > 0) {
			due += opt.interval;
			pause_for(due - before);
			due = before = now();
			memcpy(body + sizeof n, &before, sizeof before);
		}
		send_message(out);
		uint64_t back;
		while ((back = recv_message(in)) != n)
			if (back == end_mark) {
				errno = ETIMEDOUT;
				die("no answer");
			}
		double after = now();
		if (before - start > opt.duration / 10)
			times[trips++] = after - before;
		before = after;
	}
	send_end(out);
	report_times(trips, trips, before - start);
}

static void pong(void *ctx)
{
	void *in = open_socket(ctx, ZMQ_SUB, opt.in), *out = open_socket(ctx, ZMQ_PUB, opt.out);
	ready();
	uint64_t n, count = 0, ways = 0;
	double first = 0, sent;
	for (; (n = recv_message(in)) != end_mark; count++) {
		double arrived = now();
		if (opt.interval > 0 && ways < MAX_TRIPS) {
			memcpy(&sent, buf + sizeof n, sizeof sent);
			if (!count)
				first = sent;
			if (sent - first >= opt.duration / 10)
				times[ways++] = arrived - sent;
		}
		number(n);
		send_message(out);
	}
	report_times(ways, count, 0);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"out", 1, 0, 'o'}, {"in", 1, 0, 'i'}, {"size", 1, 0, 's'}, {"duration", 1, 0, 'd'},
		{"rate", 1, 0, 'r'}, {"recovery", 1, 0, 'v'}, {"delay", 1, 0, 'y'}, {"interval", 1, 0, 'n'}, {"spin", 0, 0, 'p'}, {0},
	};
	if (argc < 2)
		usage();
	for (int c; (c = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1;)
		switch (c) {
		case 'o': opt.out = optarg; break;
		case 'i': opt.in = optarg; break;
		case 's': opt.size = atoi(optarg); break;
		case 'd': opt.duration = atof(optarg); break;
		case 'r': opt.rate = atoi(optarg); break;
		case 'v': opt.recovery = atoi(optarg); break;
		case 'y': opt.delay = atof(optarg); break;
		case 'n': opt.interval = atof(optarg); break;
		case 'p': opt.spin = 1; break;
		default: usage();
		}
	if (opt.size < 16 || opt.size > MAX_SIZE)
		usage();
	void *ctx = zmq_ctx_new();
	if (!strcmp(argv[1], "blast"))
		blast(ctx);
	else if (!strcmp(argv[1], "sink"))
		sink(ctx);
	else if (!strcmp(argv[1], "ping"))
		ping(ctx);
	else if (!strcmp(argv[1], "pong"))
		pong(ctx);
	else
		usage();
	fflush(stdout);
	_exit(0); /* what is left to send does not matter */
}
