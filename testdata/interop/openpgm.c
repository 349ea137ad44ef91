/* openpgm: a peer that runs on OpenPGM 5.3, to test and measure against.
 *
 *	gcc -O2 -o openpgm openpgm.c $(pkg-config --cflags --libs openpgm-5.3)
 *
 *	openpgm recv  --network 'eth0;239.192.0.1' --count 1000
 *	openpgm send  --network 'eth0;239.192.0.1' --count 1000 --min 1 --max 1428 --rate 5000000
 *	openpgm sink, openpgm blast   the same without looking at the contents, to measure throughput
 *	openpgm pong, openpgm ping    round trips of --size bytes, to measure latency
 *
 * Each prints "ready" once its socket is connected, and a line of JSON at the end.
 * Package internal/interop builds it, runs it, and knows its messages and digest.
 *
 * Of OpenPGM it is worth knowing, and the code below allows for it:
 *
 *  1. Everything happens inside pgm_recv. A sender that does not call it serves no
 *     NAK and sends no SPM, so it is called after every send, and while waiting.
 *  2. A non-blocking pgm_recv sends one repair at most; so after a call that sent
 *     one there is no sleeping, because PGM_REPAIR_SOCK stays readable.
 *  3. A message that PGM_TXW_MAX_RTE holds back has its number advertised already,
 *     and a NAK for it is answered with a bad checksum. The rate is kept here instead.
 *  4. pgm_send crashes on a source that is not aligned to 16 bytes, and on every
 *     message it has to fragment. Messages are aligned, and refused above PGM_MSSS.
 *  5. Data that arrives before the source's first SPM is requested by SPMR after
 *     PGM_SPMR_EXPIRY; what is missing when a NAK falls due before the SPM is here is
 *     lost without a NAK. So the one is shorter than the other, and data follows the
 *     SPMs of pgm_connect after --delay.
 *  6. The option to receive on one UDP port and take NAKs on another does not work:
 *     both get --port.
 *  7. An empty UDP datagram from anybody makes pgm_recv say EOF. It is ignored.
 *  8. A sender, too, must join a group before pgm_connect.
 *  9. The default receive buffer loses data in every burst, see --rcvbuf.
 * 10. For IPv6, these work as --network: "eth0;ff15::77", "fd77::1;ff15::77",
 *     "fd77::/64;ff15::77", ";ff15::77" and "fe80::...%eth0;ff15::77". A host name does not:
 *     it is resolved to the IPv4 address, which pgm_bind3 then refuses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <pgm/pgm.h>
#include "peer.h"

static struct {
	const char *network;
	int port, service;
	uint64_t count;
	int min, max;
	double rate, linger, idle, delay;
	int spin, native;
	int rcvbuf, sndbuf, txw, rxw;
	int nak_bo, nak_rpt, nak_rdata, retries;
	int heartbeat, ambient, spmr;
} opt = {
	.network = ";239.192.0.1", .port = 3055, .service = 7500,
	.count = 1000, .min = 1, .max = 1428,
	.linger = 2, .idle = 5, .delay = 0.1,
	.rcvbuf = 4 << 20, .sndbuf = 4 << 20, .txw = 20000, .rxw = 60000,
	.nak_bo = 5, .nak_rpt = 50, .nak_rdata = 50, .retries = 50,
	.heartbeat = 10, .ambient = 1000, .spmr = 1,
};

/* The largest message that 16 fragments can hold, and then some. */
static _Alignas(16) unsigned char buf[65536];

static void usage(void)
{
	fputs("usage: openpgm send|recv|blast|sink|ping|pong [options]\n"
	      "  --network NET    interface;groups, as pgm_getaddrinfo has it   [;239.192.0.1]\n"
	      "  --port N         UDP port                                      [3055]\n"
	      "  --service N      PGM data-destination port                     [7500]\n"
	      "  --count N        messages or round trips                       [1000]\n"
	      "  --min, --max N   sizes of messages, --size N for both          [1, 1428]\n"
	      "  --rate N         bytes a second, 0 for as fast as it goes      [0]\n"
	      "  --delay S        wait after connecting, before sending         [0.1]\n"
	      "  --linger S       serve repairs after sending                   [2]\n"
	      "  --idle S         give up when nothing arrives for so long      [5]\n"
	      "  --spin           never sleep\n"
	      "  --native         PGM/IP, protocol 113, not UDP; with IP Router Alert if IPv4\n"
	      "  --rcvbuf, --sndbuf BYTES   --txw, --rxw PACKETS   --retries N\n"
	      "  --nak-bo, --nak-rpt, --nak-rdata, --heartbeat, --ambient, --spmr MS\n", stderr);
	exit(2);
}

static void die(const char *what, pgm_error_t *err)
{
	fprintf(stderr, "openpgm: %s: %s\n", what, err && err->message ? err->message : "refused");
	exit(1);
}

/* ---- messages ---- */

/* The first number of a message's generator chooses the size, the others are its
 * bytes. */
static size_t message(uint64_t index)
{
	uint64_t state = seed(index);
	size_t len = opt.min + (next(&state) >> 33) % (opt.max - opt.min + 1);
	fill(&state, buf, len);
	return len;
}

/* The digest is over the length of each message and then its bytes. */
static void add_to_digest(size_t len)
{
	fnv32(len);
	fnv(buf, len);
}

/* ---- socket ---- */

static pgm_sock_t *sock;

static void set(int name, const void *value, size_t len, const char *what)
{
	if (!pgm_setsockopt(sock, IPPROTO_PGM, name, value, len))
		die(what, NULL);
}

static void set_int(int name, int value, const char *what)
{
	set(name, &value, sizeof value, what);
}
#define SET(name, value) set_int(name, value, #name)

static void open_socket(bool sends, bool receives)
{
	pgm_error_t *err = NULL;
	struct pgm_addrinfo_t *res = NULL;
	if (!pgm_init(&err))
		die("pgm_init", err);
	if (!pgm_getaddrinfo(opt.network, NULL, &res, &err))
		die(opt.network, err);
	int family = res->ai_send_addrs[0].gsr_group.ss_family;
	if (!pgm_socket(&sock, family, SOCK_SEQPACKET, opt.native ? IPPROTO_PGM : IPPROTO_UDP, &err))
		die("pgm_socket", err);

	if (!opt.native) {
		SET(PGM_UDP_ENCAP_UCAST_PORT, opt.port);
		SET(PGM_UDP_ENCAP_MCAST_PORT, opt.port);
	} else if (family == AF_INET) {
		SET(PGM_IP_ROUTER_ALERT, 1);
	}
	SET(PGM_MTU, 1500);
	SET(PGM_NOBLOCK, 1);
	if (!pgm_setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &opt.rcvbuf, sizeof opt.rcvbuf) ||
	    !pgm_setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &opt.sndbuf, sizeof opt.sndbuf))
		die("socket buffers", NULL);
	if (sends) {
		int beat[] = { 1, 1, 2, 4, 8, 16, 32, 64, 128 };
		for (size_t i = 0; i < sizeof beat / sizeof *beat; i++)
			beat[i] *= opt.heartbeat * 1000;
		SET(PGM_TXW_SQNS, opt.txw);
		SET(PGM_AMBIENT_SPM, opt.ambient * 1000);
		set(PGM_HEARTBEAT_SPM, beat, sizeof beat, "PGM_HEARTBEAT_SPM");
	}
	if (receives) {
		SET(PGM_RXW_SQNS, opt.rxw);
		SET(PGM_PEER_EXPIRY, 300 * 1000000);
		SET(PGM_SPMR_EXPIRY, opt.spmr * 1000);
		SET(PGM_NAK_BO_IVL, opt.nak_bo * 1000);
		SET(PGM_NAK_RPT_IVL, opt.nak_rpt * 1000);
		SET(PGM_NAK_RDATA_IVL, opt.nak_rdata * 1000);
		SET(PGM_NAK_DATA_RETRIES, opt.retries);
		SET(PGM_NAK_NCF_RETRIES, opt.retries);
	}
	if (!receives)
		SET(PGM_SEND_ONLY, 1);
	if (!sends)
		SET(PGM_RECV_ONLY, 1);

	/* Two processes on one machine share a host name, so that is no identity. */
	char name[64];
	struct pgm_sockaddr_t addr = { .sa_port = opt.service, .sa_addr.sport = 0 };
	snprintf(name, sizeof name, "%d %.9f", getpid(), now());
	if (!pgm_gsi_create_from_string(&addr.sa_addr.gsi, name, -1))
		die("pgm_gsi_create_from_string", NULL);
	struct pgm_group_source_req *in = &res->ai_recv_addrs[0];
	struct pgm_interface_req_t ifr = { .ir_interface = in->gsr_interface, .ir_address = in->gsr_addr };
	if (in->gsr_group.ss_family == AF_INET6)
		ifr.ir_scope_id = ((struct sockaddr_in6 *)&in->gsr_group)->sin6_scope_id;
	if (!pgm_bind3(sock, &addr, sizeof addr, &ifr, sizeof ifr, &ifr, sizeof ifr, &err))
		die("pgm_bind3", err);

	for (unsigned i = 0; i < res->ai_recv_addrs_len; i++)
		set(PGM_JOIN_GROUP, &res->ai_recv_addrs[i], sizeof res->ai_recv_addrs[i], "PGM_JOIN_GROUP");
	set(PGM_SEND_GROUP, &res->ai_send_addrs[0], sizeof res->ai_send_addrs[0], "PGM_SEND_GROUP");
	SET(PGM_MULTICAST_LOOP, 0);
	SET(PGM_MULTICAST_HOPS, 16);
	if (!pgm_connect(sock, &err))
		die("pgm_connect", err);
	pgm_freeaddrinfo(res);
	puts("ready");
	fflush(stdout);
}

/* Sleeps until there is something to do, but no longer than max seconds. */
static void nap(int status, double max)
{
	static const int names[] = { PGM_RECV_SOCK, PGM_PENDING_SOCK, PGM_REPAIR_SOCK };
	struct pollfd fds[3];
	int n = 0;
	if (opt.spin || max <= 0)
		return;
	for (int i = 0; i < 3; i++) {
		socklen_t len = sizeof fds[n].fd;
		if (pgm_getsockopt(sock, IPPROTO_PGM, names[i], &fds[n].fd, &len))
			fds[n++].events = POLLIN;
	}
	if (status == PGM_IO_STATUS_TIMER_PENDING || status == PGM_IO_STATUS_RATE_LIMITED) {
		struct timeval tv;
		socklen_t len = sizeof tv;
		int name = status == PGM_IO_STATUS_TIMER_PENDING ? PGM_TIME_REMAIN : PGM_RATE_REMAIN;
		if (pgm_getsockopt(sock, IPPROTO_PGM, name, &tv, &len)) {
			double left = tv.tv_sec + tv.tv_usec * 1e-6;
			if (left < max)
				max = left;
		}
	}
	struct timespec ts = { (time_t)max, (long)((max - (time_t)max) * 1e9) };
	if (ppoll(fds, n, &ts, NULL) < 0 && errno != EINTR)
		die("ppoll", NULL);
}

static uint64_t resets;	/* times data was reported lost for good */

/* Does what is due and takes one message, if there is one, into dst. */
static int receive(void *dst, size_t size, size_t *len)
{
	pgm_error_t *err = NULL;
	int status = pgm_recv(sock, dst, size, MSG_DONTWAIT, len, &err);
	if (status == PGM_IO_STATUS_ERROR)
		die("pgm_recv", err);
	if (status == PGM_IO_STATUS_RESET)
		resets++;
	if (err)
		pgm_error_free(err);
	return status;
}

/* Serves repairs and timers for so many seconds, and at least once. */
static void serve(double seconds)
{
	static unsigned char unwanted[65536];
	double until = now() + seconds, left;
	do {
		size_t len;
		int status = receive(unwanted, sizeof unwanted, &len);
		left = seconds > 0 ? until - now() : 0;
		nap(status, left);
	} while (left > 0);
}

static uint64_t blocked;	/* times pgm_send had to be repeated */

static void transmit(size_t len)
{
	for (;;) {
		int status = pgm_send(sock, buf, len, NULL);
		if (status == PGM_IO_STATUS_NORMAL)
			return;
		if (status != PGM_IO_STATUS_WOULD_BLOCK && status != PGM_IO_STATUS_RATE_LIMITED)
			die("pgm_send", NULL);
		blocked++;	/* the same call must be made again */
		serve(0);
	}
}

/* Takes the next message; false when none came for --idle seconds. */
static bool await(size_t *len)
{
	double since = 0;
	for (;;) {
		int status = receive(buf, sizeof buf, len);
		if (status == PGM_IO_STATUS_NORMAL)
			return true;
		if (status == PGM_IO_STATUS_RESET)
			continue;
		double t = now();
		if (since == 0)
			since = t;
		if (t - since > opt.idle)
			return false;
		nap(status, opt.idle);
	}
}

/* ---- roles ---- */

static void report(uint64_t messages, uint64_t bytes, double seconds)
{
	printf("{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\","
	       "\"resets\":%" PRIu64 ",\"blocked\":%" PRIu64 ",\"seconds\":%.6f}\n",
	       messages, bytes, digest, resets, blocked, seconds);
}

static void do_send(bool contents)
{
	open_socket(true, false);
	int mss;
	socklen_t size = sizeof mss;
	if (!pgm_getsockopt(sock, IPPROTO_PGM, PGM_MSSS, &mss, &size) || opt.max > mss) {
		fprintf(stderr, "openpgm: --max is %d; choose %d or less, since OpenPGM crashes when it fragments\n", opt.max, mss);
		exit(1);
	}
	serve(opt.delay);
	uint64_t bytes = 0;
	double start = now();
	for (uint64_t i = 0; i < opt.count; i++) {
		size_t len = opt.max;
		if (contents) {
			len = message(i);
			add_to_digest(len);
		}
		double wait = opt.rate > 0 ? start + bytes / opt.rate - now() : 0;
		serve(wait);
		transmit(len);
		bytes += len;
	}
	double seconds = now() - start;
	serve(opt.linger);
	report(opt.count, bytes, seconds);
}

static void do_recv(bool contents)
{
	open_socket(false, true);
	uint64_t messages = 0, bytes = 0;
	double first = 0, last = 0;
	size_t len;
	while (messages < opt.count && await(&len)) {
		if (messages++ == 0)
			first = now();
		bytes += len;
		if (contents)
			add_to_digest(len);
		if (messages == opt.count || messages % 64 == 0)
			last = now();
	}
	report(messages, bytes, last > first ? last - first : 0);
}

static void do_ping(void)
{
	open_socket(true, true);
	serve(opt.delay);
	uint64_t warm = opt.count / 10, n = 0;
	double *trips = calloc(opt.count, sizeof *trips);
	size_t len;
	for (uint64_t i = 0; i < warm + opt.count; i++) {
		memset(buf, 0, opt.max);
		memcpy(buf, &i, sizeof i);
		double sent = now();
		transmit(opt.max);
		uint64_t echo = i + 1;
		while (echo != i && await(&len))
			memcpy(&echo, buf, sizeof echo);
		if (echo != i)
			break;
		if (i >= warm)
			trips[n++] = now() - sent;
	}
	sort_times(trips, n);
	printf("{\"messages\":%" PRIu64 ",\"resets\":%" PRIu64 ",\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f}\n",
	       n, resets, at_share(trips, n, .5), at_share(trips, n, .99), at_share(trips, n, .999));
}

static void do_pong(void)
{
	open_socket(true, true);
	uint64_t messages = 0, bytes = 0;
	double start = now();
	for (size_t len; await(&len); bytes += len, messages++)
		transmit(len);
	report(messages, bytes, now() - start);
}

static void parse(int argc, char **argv)
{
	enum { NETWORK, PORT, SERVICE, COUNT, MIN, MAX, SIZE, RATE, DELAY, LINGER, IDLE, SPIN, NATIVE,
	       RCVBUF, SNDBUF, TXW, RXW, RETRIES, NAK_BO, NAK_RPT, NAK_RDATA, HEARTBEAT, AMBIENT, SPMR };
#define ARG(name, value) { name, required_argument, NULL, value }
	static const struct option names[] = {
		ARG("network", NETWORK), ARG("port", PORT), ARG("service", SERVICE), ARG("count", COUNT),
		ARG("min", MIN), ARG("max", MAX), ARG("size", SIZE), ARG("rate", RATE), ARG("delay", DELAY),
		ARG("linger", LINGER), ARG("idle", IDLE), { "spin", no_argument, NULL, SPIN },
		{ "native", no_argument, NULL, NATIVE },
		ARG("rcvbuf", RCVBUF), ARG("sndbuf", SNDBUF), ARG("txw", TXW), ARG("rxw", RXW),
		ARG("retries", RETRIES), ARG("nak-bo", NAK_BO), ARG("nak-rpt", NAK_RPT), ARG("nak-rdata", NAK_RDATA),
		ARG("heartbeat", HEARTBEAT), ARG("ambient", AMBIENT), ARG("spmr", SPMR), { 0 },
	};
	int which;
	while ((which = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		double x = optarg ? atof(optarg) : 1;
		switch (which) {
		case NETWORK: opt.network = optarg; break;
		case PORT: opt.port = x; break;
		case SERVICE: opt.service = x; break;
		case COUNT: opt.count = x; break;
		case MIN: opt.min = x; break;
		case MAX: opt.max = x; break;
		case SIZE: opt.min = opt.max = x; break;
		case RATE: opt.rate = x; break;
		case DELAY: opt.delay = x; break;
		case LINGER: opt.linger = x; break;
		case IDLE: opt.idle = x; break;
		case SPIN: opt.spin = 1; break;
		case NATIVE: opt.native = 1; break;
		case RCVBUF: opt.rcvbuf = x; break;
		case SNDBUF: opt.sndbuf = x; break;
		case TXW: opt.txw = x; break;
		case RXW: opt.rxw = x; break;
		case RETRIES: opt.retries = x; break;
		case NAK_BO: opt.nak_bo = x; break;
		case NAK_RPT: opt.nak_rpt = x; break;
		case NAK_RDATA: opt.nak_rdata = x; break;
		case HEARTBEAT: opt.heartbeat = x; break;
		case AMBIENT: opt.ambient = x; break;
		case SPMR: opt.spmr = x; break;
		default: usage();
		}
	}
	if (optind != argc || opt.min < 1 || opt.min > opt.max || opt.max > (int)sizeof buf)
		usage();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		usage();
	const char *role = argv[1];
	parse(argc - 1, argv + 1);
	prctl(PR_SET_TIMERSLACK, 1);	/* the default makes every wait 50 us longer */
	if (!strcmp(role, "send"))
		do_send(true);
	else if (!strcmp(role, "blast"))
		do_send(false);
	else if (!strcmp(role, "recv"))
		do_recv(true);
	else if (!strcmp(role, "sink"))
		do_recv(false);
	else if (!strcmp(role, "ping") && opt.max >= 8)
		do_ping();
	else if (!strcmp(role, "pong"))
		do_pong();
	else
		usage();
	fflush(stdout);
	pgm_close(sock, true);
	return 0;
}
