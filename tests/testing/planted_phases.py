"""A phase that breaks one promise, for ``test_phases`` to find."""

from __future__ import annotations

import attrs

from gankit import LATENT, AbstractPhase, Edge, Inputs, NetworkUse


@attrs.frozen(kw_only=True)
class Phase(AbstractPhase):
    """Rebuilds ADC from latents that an encoder makes of it, with the defect that ``plant`` names."""

    plant: str = "none"
    encode: Edge = Edge(network="encoder", from_=("adc",))
    pool: str = "cs"

    def players(self, recipe):
        players = ("encoder", *recipe.upstream({"adc"}))
        return ("t2w_translator", *players) if self.plant == "idle player" else players

    def places(self, recipe):
        return recipe.shapes(("adc",) if self.plant == "undeclared place" else (LATENT, "adc"))

    def references(self, recipe):
        return ("adc",)

    def uses(self, recipe):
        use = NetworkUse(network="encoder", from_=("adc",), to=(LATENT,))
        return {} if self.plant == "undeclared use" else {"encode": (use,)}

    def pools(self):
        return {} if self.plant == "undeclared pool" else {"pool": self.pool}

    def inputs(self, source):
        import torch

        drawn = source.slices(self.pool, ("adc",))
        adc = drawn.values["adc"]
        if self.plant == "global draws":
            adc = adc + torch.rand(())
        if self.plant == "same at every step":
            adc = torch.zeros_like(adc)
        if self.plant == "one process alone":
            adc = adc + source.latents().mean()
        presence = {"adc": torch.ones(len(adc))} if self.plant == "presence of a share" else drawn.presence
        more = {"t2w": adc} if self.plant == "undeclared reference" else {}
        return Inputs(values={"adc": adc}, presence=presence, references={"adc": adc, **more})

    def candidates(self, networks, inputs):
        import torch

        adc = inputs.values["adc"]
        if self.plant == "writes":
            adc.mul_(0.5)
        if self.plant == "draws a candidate":
            adc = adc + torch.rand(())
        if self.plant == "meets others":
            adc = adc - adc.mean(dim=0)
        encoding = networks.apply_edge(self.encode, {"adc": adc})
        if self.plant == "unused":
            encoding = inputs.values["adc"].flatten(1)[:, : encoding.shape[1]]
        return {LATENT: encoding, "adc": networks.synthesize({LATENT: encoding}, ("adc",))["adc"]}
