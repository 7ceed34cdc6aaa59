package failover

// pool holds what configurations share that want the same: it is made for the
// first of them and ended with the last. The key is all that the value depends on.
// It is used under lifecycle.
type pool[K comparable, V any] struct {
	shared map[K]*pooled[V]
}

type pooled[V any] struct {
	value  V
	claims int
}

// claim returns the value for key, which create makes where there is none yet.
func (p *pool[K, V]) claim(key K, create func() (V, error)) (V, error) {
	s := p.shared[key]
	if s == nil {
		value, err := create()
		if err != nil {
			return value, err
		}
		if p.shared == nil {
			p.shared = make(map[K]*pooled[V])
		}
		s = &pooled[V]{value: value}
		p.shared[key] = s
	}
	s.claims++
	return s.value, nil
}

// release gives up a claim, and calls end with the value if that was the last.
func (p *pool[K, V]) release(key K, end func(V)) {
	s := p.shared[key]
	if s.claims--; s.claims == 0 {
		delete(p.shared, key)
		end(s.value)
	}
}
