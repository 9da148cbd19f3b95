"""Samplers that each break one promise, for the tests beside it to find."""

import random

import attrs

from gankit import AbstractSampler


@attrs.frozen(kw_only=True)
class Ride(AbstractSampler):
    """Euler's method with the defect that ``plant`` names."""

    plant: str = "none"

    @property
    def evaluations(self):
        return self.steps + (self.plant == "miscounts")

    def build(self):
        plant, steps = self.plant, self.steps

        def follow(velocity, start):
            x = start.detach() if plant == "no gradient" else start
            for step in range(steps):
                time = {"one time": x.new_zeros(()), "late": x.new_full((len(x),), 1.5)}.get(
                    plant, x.new_full((len(x),), 0.0 if plant == "timeless" else step / steps)
                )
                there = x[:, :1] if plant == "other shape" else start if plant == "stays" else x
                x = x + velocity(there, time) / (steps + (plant == "short"))
            if plant == "draws":
                x = x + 0 * random.random()
            if plant == "writes":
                start.add_(1)
            return x - x.mean(dim=0) / 100 if plant == "mixes" else x.float() if plant == "float32" else x

        return follow
