package pubsub

import "slices"

// A filter holds subscriptions: prefixes of topics, each counted as often as it
// was subscribed to. To match a topic takes one look-up for each length that
// prefixes have, however many there are.
type filter struct {
	subs    map[string]*subscription
	lengths []length // in order

	// The subscription that matched last: topics come in company, and to compare
	// with it is quicker than to look one up.
	last *subscription
}

// subscription is a prefix and how often it was subscribed to.
type subscription struct {
	prefix string
	count  int
}

// length counts the different prefixes of one length.
type length struct{ bytes, prefixes int }

// add adds a subscription.
func (f *filter) add(prefix string) {
	if f.subs == nil {
		f.subs = make(map[string]*subscription)
	}
	if s := f.subs[prefix]; s != nil {
		s.count++
		return
	}
	f.subs[prefix] = &subscription{prefix, 1}
	i, found := f.find(len(prefix))
	if !found {
		f.lengths = slices.Insert(f.lengths, i, length{bytes: len(prefix)})
	}
	f.lengths[i].prefixes++
}

// remove takes back a subscription. It reports false if there was none.
func (f *filter) remove(prefix string) bool {
	s := f.subs[prefix]
	if s == nil {
		return false
	}
	if s.count--; s.count > 0 {
		return true
	}
	delete(f.subs, prefix)
	if f.last == s {
		f.last = nil
	}
	i, _ := f.find(len(prefix))
	if f.lengths[i].prefixes--; f.lengths[i].prefixes == 0 {
		f.lengths = slices.Delete(f.lengths, i, i+1)
	}
	return true
}

func (f *filter) find(bytes int) (int, bool) {
	return slices.BinarySearchFunc(f.lengths, bytes, func(l length, n int) int { return l.bytes - n })
}

// matches reports whether a subscription is a prefix of topic.
func (f *filter) matches(topic []byte) bool {
	if s := f.last; s != nil && len(s.prefix) <= len(topic) && string(topic[:len(s.prefix)]) == s.prefix {
		return true
	}
	return f.search(topic)
}

// search looks for a prefix of topic of each length.
func (f *filter) search(topic []byte) bool {
	for _, l := range f.lengths {
		if l.bytes > len(topic) {
			return false
		}
		if s := f.subs[string(topic[:l.bytes])]; s != nil {
			f.last = s
			return true
		}
	}
	return false
}
