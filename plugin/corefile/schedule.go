package corefile

import (
	"cmp"
	"time"
)

// When a check is probed, and how many results change its verdict.

// The ranges of the schedule. An interval of more than a day is a mistake.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = 24 * time.Hour
	minTimeout  = time.Millisecond
	maxInARow   = 10 // Route 53's limit of the failure threshold
)

func setInterval(c *check, l line) (err error) {
	c.model.Schedule.Interval, err = duration(l.arg(0), minInterval, maxInterval)
	return err
}

func setFastInterval(c *check, l line) (err error) {
	c.model.Schedule.FastInterval, err = duration(l.arg(0), minInterval, maxInterval)
	return err
}

func setDownInterval(c *check, l line) (err error) {
	c.model.Schedule.DownInterval, err = duration(l.arg(0), minInterval, maxInterval)
	return err
}

func setTimeout(c *check, l line) (err error) {
	c.model.Schedule.Timeout, err = duration(l.arg(0), minTimeout, maxInterval)
	return err
}

func setJitter(c *check, l line) (err error) {
	c.model.Schedule.Jitter, err = percent(l.arg(0), 0, 100)
	return err
}

func setThreshold(c *check, l line) (err error) {
	t := &c.model.Threshold
	if t.Fall, err = integer(l.arg(0), 1, maxInARow); err != nil {
		return err
	}
	t.Rise = t.Fall
	if len(l.args()) > 1 {
		t.Rise, err = integer(l.arg(1), 1, maxInARow)
	}
	return err
}

// completeSchedule fills in what follows from the interval.
func (c *check) completeSchedule() {
	s := &c.model.Schedule
	s.FastInterval = cmp.Or(s.FastInterval, min(defaultFastInterval, s.Interval))
	s.DownInterval = cmp.Or(s.DownInterval, s.Interval)
	s.Timeout = cmp.Or(s.Timeout, min(defaultTimeout, s.Interval))
}

func (c *check) timesOutInTime() error {
	s := c.model.Schedule
	if s.Timeout > s.Interval {
		return c.given.at("timeout", "%s is above the interval, %s", short(s.Timeout), short(s.Interval))
	}
	return nil
}

func (c *check) speedsUp() error {
	s := c.model.Schedule
	if s.FastInterval > s.Interval {
		return c.given.at("fast_interval", "%s is above the interval, %s",
			short(s.FastInterval), short(s.Interval))
	}
	return nil
}
