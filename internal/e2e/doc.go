// Package e2e tests the whole: the tools, the sockets and the engine on the
// hosts of a lab, beside OpenPGM and ZeroMQ, and under the eyes of tshark. It has nothing
// but tests.
//
// They need what package lab needs, and skip where that is missing; with
// GOPGM_LAB=require in the environment they fail instead. Flags make them
// smaller or larger:
//
//	go test ./internal/e2e -e2e.size 67108864 -e2e.messages 20000
//	go test ./internal/e2e -run 'TestZeroMQ$' -e2e.zmq-full -timeout 20m
package e2e
