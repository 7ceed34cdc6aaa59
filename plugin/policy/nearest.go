package policy

import (
	"math"

	"github.com/coredns-failover/failover/plugin/model"
)

// place is where a target is, as a point on the unit sphere: the distance of two
// points comes with one arc sine. The zero value is nowhere.
type place struct {
	x, y, z float64
	// factor of the distance, by the bias; 0 is nowhere.
	factor float64
}

func newPlace(at *model.Location) place {
	if at == nil {
		return place{}
	}
	p := point(at.Latitude, at.Longitude)
	p.factor = factor(at.Bias)
	return p
}

// point of a position in degrees.
func point(latitude, longitude float64) place {
	const radian = math.Pi / 180
	sinLat, cosLat := math.Sincos(latitude * radian)
	sinLon, cosLon := math.Sincos(longitude * radian)
	return place{x: cosLat * cosLon, y: cosLat * sinLon, z: sinLat}
}

// factor of the distance: a positive bias makes the region that a target serves
// larger, a negative one smaller (topic "Geoproximity routing" of Route 53's
// developer guide, "Biased distance").
func factor(bias int) float64 {
	share := float64(bias) / 100
	if bias < 0 {
		return 1 / (1 + share)
	}
	return 1 - share
}

// distance is that along the great circle, in radians, with the target's bias.
// Half the chord is the square root of what the haversine formula calls a.
func (p *place) distance(from *place) float64 {
	dx, dy, dz := p.x-from.x, p.y-from.y, p.z-from.z
	half := math.Sqrt(dx*dx+dy*dy+dz*dz) / 2
	return 2 * math.Asin(min(1, half)) * p.factor
}

// pickNearest picks the target that is nearest to the client: all of them where
// several are equally near, as those in one datacentre are. Those without a
// location come after those with one; without the client's coordinates all are
// picked.
func (s *step) pickNearest(q *query, sample *sample) {
	client, ok := s.coordinates(q)
	if !ok {
		s.pickAll(q, sample)
		return
	}
	nearest, shortest, alike := none, math.Inf(1), false
	for i := range s.options {
		o := &s.options[i]
		if !o.serves(q) {
			continue
		}
		if d := s.distance(o, &client); nearest == none || d < shortest {
			nearest, shortest, alike = i, d, false
		} else if d == shortest {
			alike = true
		}
	}
	if !alike {
		s.add(nearest, q, sample)
		return
	}
	for i := nearest; i < len(s.options); i++ {
		if o := &s.options[i]; o.serves(q) && s.distance(o, &client) == shortest {
			s.add(i, q, sample)
		}
	}
}

// coordinates of the client. It is asked only where targets differ in place;
// another address, near as it may be, may have others.
func (s *step) coordinates(q *query) (place, bool) {
	if !s.scattered {
		return place{}, false
	}
	q.depend(q.prefix().Bits())
	latitude, longitude, ok := q.client.Coordinates()
	return point(latitude, longitude), ok
}

// isScattered reports whether there are targets in different places.
func (s *step) isScattered() bool {
	places := s.rules.places[s.at]
	for i := range s.options {
		if places[s.options[i].order] != places[s.options[0].order] {
			return true
		}
	}
	return false
}

// distance is infinite for a target without a location.
func (s *step) distance(o *option, client *place) float64 {
	p := &s.rules.places[s.at][o.order]
	if p.factor == 0 {
		return math.Inf(1)
	}
	return p.distance(client)
}
