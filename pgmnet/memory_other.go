//go:build !linux

package pgmnet

func adviseHuge([]byte) {}
