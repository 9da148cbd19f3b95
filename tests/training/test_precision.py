"""``training.precision``."""

import pytest
import torch

EVERY_STEP = {"phases.supervised.start": 0, "phases.unsupervised.start": 0}
RATES = {
    f"phases.{phase}.{rate}": 1e-6
    for phase in ("warm-up", "supervised", "unsupervised")
    for rate in ("learning_rate", "critic_learning_rate")
}
"""Adam's first steps follow the signs of gradients, which rounding turns: at these rates they hardly move a weight."""


def test_bf16_computes_networks_in_bfloat16_and_everything_else_in_float32(trainer, tiny_recipe):
    """Convolutions see bfloat16; weights, moments and scalars stay float32, near the float32 run."""
    runs = {}
    for precision in ("float32", "bf16"):
        run = trainer(tiny_recipe(**{**EVERY_STEP, **RATES, "training.precision": precision}))
        seen = []
        decoder = run.state.networks["adc_decoder"]
        hook = decoder.register_forward_hook(lambda _m, _i, out, seen=seen: seen.append(out.dtype))
        scalars = run.step()
        hook.remove()
        assert set(seen) == {torch.bfloat16 if precision == "bf16" else torch.float32}
        assert {value.dtype for terms in scalars.values() for value in terms.values()} == {torch.float32}
        assert {tensor.dtype for tensor in run.state.tensors().values()} == {torch.float32}
        runs[precision] = scalars
    for phase, terms in runs["float32"].items():
        for name, value in terms.items():
            assert runs["bf16"][phase][name].item() == pytest.approx(value.item(), rel=0.1, abs=0.15), (phase, name)


def test_the_gradient_penalty_is_float32_under_bf16(trainer, tiny_recipe):
    """Wasserstein critics are scored in bfloat16 and penalised in float32."""
    run = trainer(tiny_recipe(**{**EVERY_STEP, "training.precision": "bf16"}))
    seen = []
    run.state.networks["adc_critic"].register_forward_hook(lambda _m, _i, out: seen.append(out.dtype))
    run.step()
    assert set(seen) == {torch.bfloat16, torch.float32}
