"""Components that each break one promise, for the tests beside it to find."""

from __future__ import annotations

import attrs

from gankit import AbstractAdversarialLoss, AbstractDiscriminator, AbstractGenerator, AbstractPairedLoss


@attrs.frozen(kw_only=True)
class Generator(AbstractGenerator):
    """(B, 8) to (B, 1, 4, 4) with the defect that ``plant`` names."""

    plant: str = "none"

    def build(self, source, target):
        import random

        import numpy as np
        import torch
        from torch import nn

        plant = self.plant

        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(8, 16)
                if plant == "unused parameter":
                    self.spare = nn.Linear(2, 2)
                if plant == "own randomness":
                    self.layer.weight.data += np.random.default_rng().random()
                if plant == "python randomness":
                    random.random()
                if plant == "hidden state":
                    self.hidden = torch.rand(())
                if plant == "shared memory":
                    self.register_buffer("again", self.layer.weight.data)

            def forward(self, z):
                if plant == "no float64":
                    z = z + torch.zeros(1, dtype=torch.float32) @ torch.zeros(1, dtype=z.dtype)
                if plant == "dropout":
                    z = nn.functional.dropout(z, 0.5, self.training)
                if plant == "meets others":
                    z = z - z.mean(dim=0)
                if plant == "in place":
                    z = z.detach().mul_(2).requires_grad_(z.requires_grad)
                x = torch.tanh(self.layer(z) + getattr(self, "hidden", 0)).view(-1, 1, 4, 4)
                if plant == "no gradient":
                    x = x.detach() + 0 * self.layer.bias.sum()
                return {"wrong shape": x.flatten(1), "beyond [-1, 1]": 5 * x, "not finite": x / 0}.get(plant, x)

        return Network()


@attrs.frozen(kw_only=True)
class Critic(AbstractDiscriminator):
    """(B, 1, 4, 4) to (B,) with the defect that ``plant`` names."""

    plant: str = "none"

    def build(self, source, target):
        import torch
        from torch import nn

        plant = self.plant

        class Cube(torch.autograd.Function):
            """x³ whose second derivative is that of x²."""

            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, gradient):
                (x,) = ctx.saved_tensors
                slope = 3 * x.detach() ** 2 + (2 * x - 2 * x.detach())
                return gradient * slope

        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer, self.score = nn.Linear(16, 8), nn.Linear(8, 1)

            def forward(self, x):
                hidden = self.layer(x.flatten(1))
                hidden = Cube.apply(hidden) if plant == "wrong second derivative" else torch.tanh(hidden)
                return self.score(hidden).squeeze(1)

        return Network()


@attrs.frozen(kw_only=True)
class Paired(AbstractPairedLoss):
    """Mean square with the defect that ``plant`` names."""

    plant: str = "none"

    def build(self):
        import torch

        def loss(candidate, reference):
            each = (candidate - reference).square().flatten(1).mean(dim=1)
            if self.plant == "scalar":
                return each.mean()
            if self.plant == "meets others":
                return each / each.sum()
            if self.plant == "draws":
                return each + 0 * torch.rand(())
            return each.detach() if self.plant == "no gradient" else each

        return loss


@attrs.frozen(kw_only=True)
class Adversarial(AbstractAdversarialLoss):
    """Difference of means with the defect that ``plant`` names."""

    plant: str = "none"

    def build(self):
        import torch

        plant = self.plant

        class Loss:
            def critic(self, critic, reference, candidate, draws):
                if plant == "undeclared penalty":
                    candidate = candidate.clone().requires_grad_()
                noise = torch.rand(()) if plant == "draws" else 0
                value = critic(candidate).mean() - critic(reference).mean() + noise
                return value.detach().requires_grad_() if plant == "critic unreached" else value

            def player(self, critic, reference, candidate, draws):
                scores = -critic(candidate)
                if plant == "player unreached":
                    return scores[:1].mean()
                return scores if plant == "not a scalar" else scores.mean()

        return Loss()
