"""A plugin whose components break the promise that ``FAULT`` names, for ``training/test_trial.py``."""

from __future__ import annotations

import math
import sys

import attrs

from gankit import (
    LATENT,
    AbstractAdversarialLoss,
    AbstractDiscriminator,
    AbstractGenerator,
    AbstractPairedLoss,
    AbstractPhase,
    Inputs,
    hookimpl,
)

FAULT = "none"


@attrs.frozen(kw_only=True)
class Generator(AbstractGenerator):
    """(B, 8) to (B, 1, 16, 16)."""

    def __getattribute__(self, name):
        if name == "build" and FAULT == "generator signature":
            return lambda shapes: None
        return super().__getattribute__(name)

    def build(self, source, target):
        from torch import nn

        if FAULT == "generator builds none":
            return None
        if FAULT == "generator build raises":
            return {}["width"]
        if FAULT == "generator build exits":
            sys.exit(3)

        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.LazyLinear(256) if FAULT == "generator lazy" else nn.Linear(8, 256)
                if FAULT == "generator half":
                    self.half()
                if FAULT == "generator frozen":
                    self.requires_grad_(False)

            def forward(self, z):
                x = self.layer(z[:, 1:] if FAULT == "generator raises" else z)
                if FAULT == "generator tuple":
                    return x, x
                if FAULT == "generator no gradient raises" and not self.training:
                    return {}["mean"]
                images = x if FAULT == "generator shape" else x.tanh().view(-1, 1, 16, 16)
                return {
                    "generator nan": images * math.nan,
                    "generator complex": images * 1j,
                    "generator meta": images.to("meta"),
                }.get(FAULT, images)

        return Network()


@attrs.frozen(kw_only=True)
class Critic(AbstractDiscriminator):
    """(B, 1, 16, 16) to (B,)."""

    def build(self, source, target):
        from torch import nn

        map_of = nn.Conv2d(1, 1, 2, stride=2)
        if FAULT == "critic map":
            return map_of
        score = nn.Sequential(map_of, nn.Flatten(), nn.Linear(64, 1))
        return nn.Sequential(*score, nn.Flatten(0))


def without_way_back(value_B):
    """The same numbers, whose gradient cannot be computed."""
    from torch.autograd import Function

    class Broken(Function):
        @staticmethod
        def forward(ctx, value_B):
            return value_B.clone()

        @staticmethod
        def backward(ctx, gradient_B):
            raise RuntimeError("no way back")

    return Broken.apply(value_B)


@attrs.frozen(kw_only=True)
class Paired(AbstractPairedLoss):
    """Mean square."""

    def __getattribute__(self, name):
        if name == "build" and FAULT == "paired build signature":

            def build(shape):
                return None

            return build
        return super().__getattribute__(name)

    def build(self):
        if FAULT == "paired builds none":
            return None
        if FAULT == "paired of torch":
            from torch.nn import MSELoss

            return MSELoss
        if FAULT == "paired signature":
            return lambda candidate: candidate

        def loss(candidate, reference):
            each_B = (candidate - reference).square().flatten(1).mean(dim=1)
            if FAULT == "paired raises":
                return each_B * (1 / 0)
            if FAULT == "paired backward raises":
                return without_way_back(each_B)
            return {
                "paired scalar": each_B.mean(),
                "paired (B, 1)": each_B[:, None],
                "paired number": 0.5,
                "paired float64": each_B.double(),
                "paired detached": each_B.detach(),
                "paired nan": each_B * math.nan,
                "paired complex": each_B * 1j,
                "paired nan gradient": (candidate - candidate).flatten(1).sum(dim=1).sqrt(),
            }.get(FAULT, each_B)

        return loss


@attrs.frozen(kw_only=True)
class Adversarial(AbstractAdversarialLoss):
    """Difference of means."""

    def build(self):
        def critic(self, critic, reference, candidate, draws):
            scores_B = critic(candidate) - critic(reference)
            if FAULT == "adversarial raises":
                raise RuntimeError("no such luck")
            value = scores_B if FAULT == "critic answer (B,)" else scores_B.mean()
            value = value * math.inf if FAULT == "critic answer infinite" else value
            value = value.double() if FAULT == "critic answer float64" else value
            return value.detach() if FAULT == "critic answer detached" else value

        def player(self, critic, reference, candidate, draws):
            scores_B = -critic(candidate.detach() if FAULT == "player answer detached" else candidate)
            return scores_B if FAULT == "player answer (B,)" else scores_B.mean()

        return type("Loss", (), {"critic": critic} if FAULT == "no player" else {"critic": critic, "player": player})()


@attrs.frozen(kw_only=True)
class Phase(AbstractPhase):
    """Draws latents and slices; makes ADC."""

    def players(self, recipe):
        return ("generator",)

    def places(self, recipe):
        return recipe.shapes(("adc",))

    def references(self, recipe):
        return ("adc",)

    def __getattribute__(self, name):
        if name == "candidates" and FAULT == "candidates signature":
            return lambda inputs: None
        return super().__getattribute__(name)

    def inputs(self, source):
        if FAULT == "inputs later raises" and source._draws.step == 1:
            return {}["second step"]
        drawn = source.slices("csz" if FAULT == "unknown pool" else "cs", ("adc",))
        adc, latents = drawn.values["adc"], source.latents()
        if FAULT == "inputs dict":
            return {LATENT: latents}
        if FAULT == "inputs shape":
            latents = latents.new_zeros(4, 9)
        presence = {"adc": adc.new_ones(3)} if FAULT == "presence shape" else drawn.presence
        references = {"adc": adc[..., ::2, ::2] if FAULT == "reference shape" else adc}
        references = {} if FAULT == "no reference" else references
        references = None if FAULT == "references none" else references
        presence = {"adcc": drawn.presence["adc"]} if FAULT == "presence misspelt" else presence
        latents = latents.double() if FAULT == "inputs float64" else latents
        adc = adc * math.nan if FAULT == "inputs nan" else adc
        return Inputs(values={LATENT: latents, "adc": adc}, presence=presence, references=references)

    def candidates(self, networks, inputs):
        if FAULT == "candidates raises":
            return networks.synthesize({LATENT: inputs.values["latnt"]})
        made = networks.synthesize({LATENT: inputs.values[LATENT]})
        if FAULT == "player unreached":
            return {"adc": made["adc"].detach().requires_grad_()}
        if FAULT == "candidate float64":
            return {"adc": made["adc"].double()}
        if FAULT == "candidate detached":
            return {"adc": made["adc"].detach()}
        if FAULT == "candidate drawn":
            return {"adc": inputs.values["adc"]}
        if FAULT == "candidate shape":
            return {"adc": made["adc"][:2]}
        return {} if FAULT == "no candidate" else made


@hookimpl
def register_components(registry):
    registry.add("generator", "faulty-generator", Generator)
    registry.add("discriminator", "faulty-critic", Critic)
    registry.add("loss", "faulty-paired", Paired)
    registry.add("loss", "faulty-adversarial", Adversarial)
    registry.add("phase", "faulty-phase", Phase)
