"""A stranger's plugin whose losses use all that a loss may use, for ``training/test_loss_contract.py``."""

from __future__ import annotations

import attrs

from gankit import AbstractAdversarialLoss, AbstractAugmentation, AbstractFeatureLoss, Draw, Problem, hookimpl, option


@attrs.frozen(kw_only=True)
class Relative(AbstractAdversarialLoss):
    """Each side's scores relative to the other's, of samples with noise on them."""

    noise: float = option(0.1, ge=0, help="standard deviation of the noise")
    old: bool = option(False, help="answer as losses of gankit 0.1.0 did")

    @property
    def draws(self):
        return {"noise": Draw("normal", None), "share": Draw()}

    def build(self):
        from gankit import sample_scores

        noise = self.noise

        class Both:
            def critic(self, critic, reference, candidate, draws):
                wide = (-1, *[1] * (reference.ndim - 1))
                shaken = noise * draws["share"].view(wide) * draws["noise"]
                ahead_B = sample_scores(critic(reference + shaken)) - sample_scores(critic(candidate - shaken))
                return (1 - ahead_B).relu().mean()

            def player(self, critic, reference, candidate, draws):
                return -self.critic(critic, reference, candidate, draws)

        class Old:
            def critic(self, critic, reference, candidate, mixing_B):
                return critic(candidate).mean()

            def player(self, critic, candidate):
                return -critic(candidate).mean()

        return Old() if self.old else Both()


@attrs.frozen(kw_only=True)
class Steady(AbstractAdversarialLoss):
    """A regulariser: keeps the scores of references near their moving average, from which it starts at 1."""

    moves_players = False
    trainable: bool = option(False, help="have a parameter, which no loss may have")

    def build(self):
        import torch
        from torch import nn

        from gankit import mean_over_ranks

        class Average(nn.Module):
            def __init__(self, trainable):
                super().__init__()
                self.register_buffer("average", torch.ones(()))
                if trainable:
                    self.slope = nn.Parameter(torch.ones(()))

            def critic(self, critic, reference, candidate, draws):
                scores_B = critic(reference)
                objective = (scores_B - self.average).square().mean()
                with torch.no_grad():
                    self.average.lerp_(mean_over_ranks(scores_B.mean()), 0.5)
                return objective

        return Average(self.trainable)


@attrs.frozen(kw_only=True)
class Closer(AbstractAdversarialLoss):
    """The players' alone: mean features as those of the references."""

    trains_critic = False
    needs_features = True

    def build(self):
        class Features:
            def player(self, critic, reference, candidate, draws):
                pairs = zip(critic.features(reference), critic.features(candidate), strict=True)
                return sum((one.mean(dim=0) - other.mean(dim=0)).square().mean() for one, other in pairs)

        return Features()


@attrs.frozen(kw_only=True)
class Likeness(AbstractFeatureLoss):
    """Absolute difference of the last features, or a planted fault."""

    fault: str = option("none", help="what it breaks")

    def build(self):
        if self.fault == "signature":
            return lambda features: features

        def compared(candidate, reference):
            each_B = (candidate[-1] - reference[-1]).abs().flatten(1).mean(dim=1)
            return {"scalar": each_B.mean(), "detached": each_B.detach()}.get(self.fault, each_B)

        return compared


@attrs.frozen(kw_only=True)
class Speckle(AbstractAugmentation):
    """Noise on each pixel, the same in every channel, or a planted fault."""

    amount: float = option(0.1, ge=0, help="standard deviation")
    fault: str = option("none", help="what it breaks")

    @property
    def draws(self):
        return {"noise": Draw("normal", None)}

    def check(self, source):
        if self.amount > 1:
            yield Problem("amount", f"drowns {' and '.join(source)}")

    def build(self):
        import torch

        fault, amount = self.fault, self.amount

        class Once(torch.autograd.Function):
            """Half of the images, which can be differentiated once."""

            @staticmethod
            def forward(ctx, images):
                return images / 2

            @staticmethod
            @torch.autograd.function.once_differentiable
            def backward(ctx, gradient):
                return gradient / 2

        def function(images, draws):
            noise = amount * draws["noise"]
            if fault == "once":
                return Once.apply(images)
            if fault == "raises":
                raise ValueError("no noise")
            return {
                "detached": images.detach() + noise[:, :1],
                "shape": images[:, :, :2],
                "float64": images.double(),
                "in place": images.mul_(0.5) if fault == "in place" else images,
                "nothing": images,
                "others": images + images.mean(dim=0),
                "one channel": images + noise * (torch.arange(images.shape[1]) == 0).view(-1, *[1] * (images.ndim - 2)),
                "own draws": images + torch.rand(()) if fault == "own draws" else images,
            }.get(fault, images + noise[:, :1])

        return (lambda images: images) if fault == "signature" else function


@hookimpl
def register_components(registry):
    for name, loss in {"relative": Relative, "steady": Steady, "closer": Closer, "likeness": Likeness}.items():
        registry.add("loss", name, loss)
    registry.add("augmentation", "speckle", Speckle)
