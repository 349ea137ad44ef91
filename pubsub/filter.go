package pubsub

import "slices"

// A filter holds subscriptions: prefixes of topics, each counted as often as it
// was subscribed to. To match a topic takes one look-up for each length that
// prefixes have, however many there are.
type filter struct {
	counts  map[string]int
	lengths []length // in order
}

// length counts the different prefixes of one length.
type length struct{ bytes, prefixes int }

// add adds a subscription.
func (f *filter) add(prefix string) {
	if f.counts == nil {
		f.counts = make(map[string]int)
	}
	if f.counts[prefix]++; f.counts[prefix] > 1 {
		return
	}
	i, found := f.find(len(prefix))
	if !found {
		f.lengths = slices.Insert(f.lengths, i, length{bytes: len(prefix)})
	}
	f.lengths[i].prefixes++
}

// remove takes back a subscription. It reports false if there was none.
func (f *filter) remove(prefix string) bool {
	switch f.counts[prefix] {
	case 0:
		return false
	case 1:
		delete(f.counts, prefix)
		i, _ := f.find(len(prefix))
		if f.lengths[i].prefixes--; f.lengths[i].prefixes == 0 {
			f.lengths = slices.Delete(f.lengths, i, i+1)
		}
	default:
		f.counts[prefix]--
	}
	return true
}

func (f *filter) find(bytes int) (int, bool) {
	return slices.BinarySearchFunc(f.lengths, bytes, func(l length, n int) int { return l.bytes - n })
}

// matches reports whether a subscription is a prefix of topic.
func (f *filter) matches(topic []byte) bool {
	for _, l := range f.lengths {
		if l.bytes > len(topic) {
			return false
		}
		if _, ok := f.counts[string(topic[:l.bytes])]; ok {
			return true
		}
	}
	return false
}
