// Package pgmnet runs the PGM machines of package pgm over multicast, in UDP or in
// IP itself: it opens the sockets, reads the clock and carries packets between the
// two.
//
// A [Source] sends messages to a group, a [Receiver] delivers those of every
// source that sends to its groups:
//
//	network, err := pgmnet.ParseNetwork("eth0;239.192.0.1")
//	...
//	src, err := pgmnet.NewSource(pgmnet.Config{Network: network}, pgm.SourceConfig{})
//	...
//	err = src.Send([]byte("hello"))
//	err = src.Close(time.Second)
//
//	rcv, err := pgmnet.NewReceiver(pgmnet.Config{Network: network}, pgm.ReceiverConfig{})
//	...
//	for {
//		ev, err := rcv.Recv()
//		if err != nil {
//			return err
//		}
//		if ev.Kind == pgm.EventMessage {
//			fmt.Printf("%v: %s\n", ev.Source, ev.Data)
//		}
//	}
//
// # Who does the work
//
// The caller's own goroutine does all of it, inside the calls it makes: no
// goroutine is started and nothing is handed over. Send writes to the kernel
// before it returns, and Recv returns a slice of the buffer the kernel filled.
// Repairs, NAKs, heartbeats and every other timer run inside the same calls.
//
// So a Source or Receiver must be called often enough. A program that has
// nothing to send calls [Source.Poll], which answers NAKs meanwhile; one that
// does not call Recv for long loses what the socket buffer cannot hold, and has
// to ask for it again. Neither type is safe for concurrent use. For programs that
// wait in a loop of their own, FDs tells what to watch and Due for how long.
//
// # How packets are carried
//
// Packets travel in UDP, to one port for all (RFC 3208 leaves it open; 3055
// by default). On Linux, a run of packets of one size is one system call
// (UDP_SEGMENT), and so are up to a megabyte of them on the way in (UDP_GRO,
// recvmmsg). What the kernel lacks is replaced by the next best, see [IO].
// Elsewhere there is one call for each packet.
//
// With Config.Native they travel in IP itself, protocol 113, as RFC 3208 has it,
// and those that routers are to look at, SPMs, NCFs and RDATA, bear the IP Router
// Alert option. That takes the privilege CAP_NET_RAW to open the sockets: without,
// the error is one of os.ErrPermission and says what to do. The kernel has no
// means to join packets there: throughput is that of the I/O mode Mmsg. Every raw
// socket of a host gets its own copy of what comes for its address or group, so
// each Source gets its NAKs, and drops and counts those for others; and a Receiver
// gets the packets of all data-destination ports of its groups, and does the same.
//
// # Choosing what is received
//
// [Config].Sources joins groups source-specifically, as groups in 232.0.0.0/8 and
// ff3x::/32 must be; Config.Block takes all sources but some. The system drops the
// rest before it costs anything. While a Receiver runs, its methods Join and Leave
// change the groups, for example to add the second of two redundant feeds or another
// channel, and Allow and Block the sources. The sessions that end by that deliver
// what has come, and end with pgm.EventLeft; another Join begins them anew.
//
// A Receiver with Sources multicasts nothing, neither NAKs nor SPMRs: those who
// joined from the sources alone would not get it.
//
// # Networks without multicast
//
// A Source with [Config].To sends its session to a list of hosts, each by unicast, in
// place of the group; a Receiver with Config.Unicast takes it. Everything else is the
// same, with the same group in the Network of both: it is the session's name.
//
//	src, err := pgmnet.NewSource(pgmnet.Config{Network: network, To: hosts}, pgm.SourceConfig{})
//	rcv, err := pgmnet.NewReceiver(pgmnet.Config{Network: network, Unicast: true}, pgm.ReceiverConfig{})
//
// A run is one system call for each host. The rate of pgm.SourceConfig, or the one
// that is found, is what each host gets; the source's own link carries as many times
// that. Repairs and confirmations go to all hosts too. A host that is not there costs
// no more than what is sent to it. The time stamp of a run is that of the write to the
// last host: then all have been sent it.
//
// # Limitations
//
//   - Native PGM/IP is for Linux; elsewhere, and with the portable
//     implementation, it is errors.ErrUnsupported.
//   - In UDP, NAKs come to a source's address and UDP port. If sources of one host share
//     both, the kernel gives each NAK to one of them, perhaps the wrong one. On
//     Linux that passes it on: to a Source of this package, in whatever process
//     of the network namespace, through a Unix socket named after its session;
//     else to a source of another stack that is bound to the port at all
//     addresses, which is of some use if it is the only such socket. Elsewhere,
//     and with the portable implementation, give each source of a host a port,
//     or an address, of its own.
//   - Without Native, the socket of a Receiver with Unicast shares its address and port with no other:
//     the kernel would give some packets to the wrong one. So a host that has both
//     such a Receiver and a Source needs two addresses or two ports. The same holds
//     beside a program that binds the port at all addresses, such as one of OpenPGM.
//   - On Linux a socket knows ten sources of an IPv4 group and 64 of an IPv6 one
//     (net.ipv4.igmp_max_msf, net.ipv6.mld_max_msf). More of Sources are an error, more
//     of Block are dropped when they are read.
//   - With the portable implementation a Receiver with Unicast drops what comes from
//     sources that are not wanted when it is read.
//   - The MTU of the way is not discovered: packets are as large as the
//     interface of the source allows, unless pgm.SourceConfig says less.
//   - The zone of an IPv6 link-local address is that of the interface and is
//     not part of a source's name.
//   - With the portable implementation a Source that finds the socket full
//     blocks in the write, whatever its deadline, and timers are as coarse as
//     the operating system's poll: a millisecond or more.
package pgmnet
