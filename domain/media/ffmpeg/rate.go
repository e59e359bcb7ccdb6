package ffmpeg

import (
	"math"
	"slices"
)

// constantRate returns the frame rate that the headers declare, which the timestamps may correct.
func (s stream) constantRate() float64 {
	nominal, average := ratio(s.Rate), ratio(s.AverageRate)
	rate := nominal
	switch {
	case average == 0 && (nominal < 1 || nominal > 120):
		return 30
	case s.isVariable():
		rate = nearestRate(average)
	}
	return bounded(rate)
}

// isVariable: a source whose average rate differs from its nominal one has a variable rate (phones,
// screen recorders); its nominal rate may be 90 000.
func (s stream) isVariable() bool {
	nominal, average := ratio(s.Rate), ratio(s.AverageRate)
	return nominal < 1 || nominal > 240 || average > 0 && math.Abs(nominal-average) > 0.01*average
}

// measuredRate returns the rate of a source with a variable one: that of the distance between frames
// where none was dropped.
func (s stream) measuredRate(declared float64, times []float64) float64 {
	if !s.isVariable() || len(times) < 5 {
		return declared
	}
	slices.Sort(times)
	var gaps []float64
	for i := 1; i < len(times); i++ {
		if gap := times[i] - times[i-1]; gap > 0.001 {
			gaps = append(gaps, gap)
		}
	}
	if len(gaps) == 0 {
		return declared
	}
	slices.Sort(gaps)
	short := gaps[len(gaps)/4]
	sum, count := 0.0, 0
	for _, gap := range gaps { // times are often rounded to milliseconds: their mean is not
		if gap > short*0.8 && gap < short*1.25 {
			sum += gap
			count++
		}
	}
	return nearestRate(float64(count) / sum)
}

// standardRates are those of films, television and cameras, in frames per second.
var standardRates = []float64{
	10, 12, 12.5, 15, 24, 25, 30, 50, 60, 10 / 1.001, 15 / 1.001, 24 / 1.001, 30 / 1.001, 60 / 1.001,
}

// nearestRate returns the standard rate nearest by ratio; a whole one wins within 0.05 %.
func nearestRate(rate float64) float64 {
	rate = bounded(rate)
	best, least := 30.0, math.Inf(1)
	for _, standard := range standardRates {
		if distance := math.Abs(math.Log(rate / standard)); distance < least-0.0005 {
			best, least = standard, distance
		}
	}
	return best
}

func bounded(rate float64) float64 {
	for rate > 60.5 {
		rate /= 2
	}
	return max(rate, 10)
}
