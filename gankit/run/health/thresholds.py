"""The thresholds of alarms, each with its reason.

"Sound" is what the shipped recipes did on the phantom, in their first hundreds of steps and at the end.
"""

SETTLING = 100
"""Steps of a phase before the critics and weights that it trains are judged. Sound critics have estimates above 0
after 50 steps."""

DRAWING = 200
"""Steps of a phase before samples are judged, since first samples are grey: varied by 0.03 to 0.4 after 80 steps."""

LAST = 20
"""Last rows that are judged together, so that the swings of two players do not count."""

FEWEST = 5
"""Fewest rows that are judged, and rows without an alarm after which it is over."""

NEGATIVE = 0.75
"""Share of the last rows in which the estimate of a distance is below 0. Sound ones have none."""

STEEP = 3.0
"""Factor between the slope of a critic and the one that its loss holds it at. Sound ones have slopes of 1.0 to
1.6 where 1 is held; a penalty of 0.001 in place of 10 gives 5."""

FLAT = 1e-3
"""Range of a critic's loss since its phase began, as a share of its size. Batches alone make more, so the critic gives
every sample one score."""

JUMP = 100.0
"""Factor by which a loss is above what is usual in its run."""

JUMPED = 3
"""Rows one after another in which it is, so that one bad batch does not count."""

USUAL = 10.0
"""What is usual at least, since a factor of a small loss means little. For a critic, whose objective is a mean over
scores, it is this number: a critic of learning rate 1 has jumped before its first row."""

STILL = 1e-3
"""Distance of weights from the first ones, as a share of their norm. Sound ones are 0.01 to 0.3 away after 100
steps."""

RUNAWAY = 0.3
"""The same divided by the square root of the steps, as of a walk whose steps have this length. Sound weights have 0.05
at most, those of learning rate 1 have 0.5 to 3."""

MEAN = 0.5
"""Mean of encodings, in deviations of the prior. Sound ones have 0.0, an encoder without normalisation 1.0."""

DEVIATION = (0.5, 2.0)
"""Deviation of encodings, in that of the prior. Sound ones have 1.0, an encoder without normalisation 0.06."""

REPEATED = 0.1
"""Distance of samples to each other, as a share of that of real slices. Sound ones have 0.2 to 1.3."""

COPIED = 0.4
"""Distance of samples to the training set, as a share of that of real slices. Sound ones have 0.7 to 1.3, and blurred
ones are not nearer; a model of two slices has 0.3."""
