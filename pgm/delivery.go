package pgm

import "fmt"

// Delivery says when a Receiver delivers a message.
type Delivery uint8

// The modes of delivery.
const (
	Ordered   Delivery = iota // when all before it is delivered or lost
	Unordered                 // as soon as it is whole, whatever is missing before it
)

// String returns the mode in a word.
func (d Delivery) String() string {
	switch d {
	case Ordered:
		return "ordered"
	case Unordered:
		return "unordered"
	}
	return fmt.Sprintf("Delivery(%d)", uint8(d))
}
