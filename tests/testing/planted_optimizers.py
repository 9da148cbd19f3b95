"""Optimizers and schedules that each break one promise, for the tests beside it to find."""

from __future__ import annotations

import random

import attrs

from gankit import AbstractOptimizer, AbstractSchedule, Problem


@attrs.frozen(kw_only=True)
class Momentum(AbstractOptimizer):
    """Gradient descent with momentum and the defect that ``plant`` names."""

    plant: str = "none"

    def check(self):
        if self.plant == "refuses":
            yield Problem("plant", "may not be this")

    def build(self, parameters, learning_rate, capturable):
        import torch

        plant = self.plant
        if plant == "no optimizer":
            return list(parameters)
        if plant == "half":
            parameters = parameters[:1]
        rate = {"own rate": 0.5, "halved rate": learning_rate / 2}.get(plant, learning_rate)

        class Descent(torch.optim.Optimizer):
            def __init__(self):
                super().__init__(parameters, {"lr": rate})
                self.count = 0

            @torch.no_grad()
            def step(self):
                if plant == "raises":
                    raise ValueError("no step today")
                self.count += 1
                if plant == "global":
                    self.state["count"] = torch.zeros(())
                for group in self.param_groups:
                    for number, parameter in enumerate(group["params"]):
                        self.move(parameter, number, 1e-3 if plant == "fixed rate" else group["lr"])

            def move(self, parameter, number, rate):
                state = self.state[parameter]
                if plant == "python state":
                    state["count"] = self.count
                if plant == "shared state":
                    state["count"] = self.shared = getattr(self, "shared", torch.zeros(()))
                state.setdefault("momentum", torch.zeros_like(parameter))
                if plant == "late state" and self.count > 1:
                    state["late"] = torch.zeros(())
                if parameter.grad is None:
                    if plant == "moves all":
                        parameter.sub_(rate)
                    return
                state["momentum"].mul_(0.9).add_(parameter.grad)
                scale = {"hidden state": self.count, "uphill": -1}.get(plant, 1)
                scale = random.random() if plant == "draws" else scale
                if not (plant == "first only" and number):
                    parameter.sub_(rate * scale * state["momentum"])

        return Descent()


@attrs.frozen(kw_only=True)
class Wave(AbstractSchedule):
    """A schedule with the defect that ``plant`` names."""

    plant: str = "none"

    def check(self, steps):
        if self.plant == "refuses":
            yield Problem("plant", f"not for {steps} steps")

    def factor(self, step, steps):
        if self.plant == "raises":
            raise ValueError("no factor today")
        bad = {"negative": -0.1, "infinite": float("inf"), "text": "1", "none": 1.0, "truth": True}
        if self.plant == "remembers":
            CALLS.append(step)
            return 1.0 + len(CALLS)
        return random.random() if self.plant == "draws" else bad.get(self.plant, 1.0)


CALLS = []
