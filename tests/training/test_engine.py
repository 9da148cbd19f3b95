"""``training.engine``: a recorded step, replayed, is the step.

``Tape`` stands for the GPU. Like a CUDA graph it notes the operations of a step and the memory that they read and
write, and replays them without running the code that called them; and like one it refuses to hand a number to the host
meanwhile.
"""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from gankit import InputError, RunError, train
from gankit._draws import Draws
from gankit.files.tensor_file import read_tensors
from gankit.processes.ranks import ALONE, reductions_apart
from gankit.run.directory import RunDirectory
from gankit.training.engine import PROOF_STEPS, CaptureError, CudaCapture, GraphEngine, wants_graph
from gankit.training.resident import resident_cohort
from gankit.training.scalars import ScalarReader
from gankit.training.train import Trainer

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
EVERY_STEP = {"phases.warm-up.stop": 9, "phases.supervised.start": 0, "phases.unsupervised.start": 0}
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: only it records graphs")


class Tape:
    """A ``Capture`` on the CPU."""

    def __init__(self, device=CPU, ranks=ALONE):
        self.warmed_up, self.cuts = 0, 0

    @contextlib.contextmanager
    def warming_up(self):
        self.warmed_up += 1
        yield

    def record(self, step):
        noted = []

        def cut(reduce):
            """Between two recordings: what processes say to each other is noted as one thing."""
            self.cuts += 1
            noted.append(reduce)
            with _disable_current_modes():
                reduce()

        class Note(TorchDispatchMode):
            def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
                if operation is torch.ops.aten._local_scalar_dense.default:
                    raise RuntimeError("operation not permitted when stream is capturing")
                result = operation(*args, **(kwargs or {}))
                noted.append((operation, args, kwargs or {}, result))
                return result

        with Note(), reductions_apart(cut):
            scalars = step()

        @torch.no_grad()
        def replay():
            for each in noted:
                if callable(each):
                    each()
                    continue
                operation, args, kwargs, result = each
                again = operation(*args, **kwargs)
                for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                    if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)
            return scalars

        return replay

    def feed(self, draw, fill):
        fill(draw())


class Broken(Tape):
    """Records nothing."""

    def record(self, step):
        step()
        raise RuntimeError("operation not permitted when stream is capturing\nCUDA kernel errors might be ...")


class Unfed(Tape):
    """Leaves the first batch in the buffers."""

    def feed(self, draw, fill):
        draw()


def tensors(trainer):
    return {name: tensor.clone() for name, tensor in trainer.state.tensors().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def batches(trainer, phase, count=PROOF_STEPS):
    return [phase.batch(trainer.cohort, Draws(0, number)) for number in range(count)]


@pytest.fixture
def taped(monkeypatch):
    """From here on the CPU records: ``taped(capture)``."""

    def use(capture=Tape):
        monkeypatch.setattr("gankit.training.train.CudaCapture", capture)
        monkeypatch.setattr("gankit.training.train.wants_graph", lambda engine, *_: engine != "eager")

    use()
    return use


@pytest.fixture
def run(tiny_recipe, tmp_path, plugins, monkeypatch):
    """``run(steps, where, **overrides)``: train the tiny recipe on the CPU."""
    monkeypatch.setattr("gankit.cohort.sheet.sheet_png", lambda *_, **__: b"a picture")

    def go(steps, where="run", **overrides):
        recipe = tiny_recipe(**{"training.steps": steps, **overrides})
        return train(recipe, tmp_path / where, device="cpu", plugins=plugins)

    return go


def checkpoint(path, step):
    return read_tensors(RunDirectory(path).checkpoint(step), "gankit-checkpoint-1")[0]


# A replay is the step -------------------------------------------------------------------------------------


ADAPTIVE = "phases.unsupervised.terms.jsd-auxiliary-t2w"
AUGMENTED = {
    f"{ADAPTIVE}.augment": [
        {"use": name, "probability": 1.0} for name in ("translation", "mirror", "rotation", "cutout", "intensity")
    ],
    f"{ADAPTIVE}.adapt": {"target": 0.01, "images": 20},
}
"""All augmentations, with adaptive probability."""

MORE = {
    f"phases.unsupervised.terms.{use}": {"use": use, "on": "adc", "critic": "adc_critic", "against": "cs", **options}
    for use, options in {
        "relativistic": {},
        "feature-matching": {},
        "lecam": {},
        "consistency": {"augmentations": [{"use": "translation", "probability": 1.0}]},
    }.items()
} | {"phases.supervised.terms.likeness": {"use": "perceptual", "on": "t2w", "network": "t2w_critic"}}
"""Losses with penalties, features, a state and augmentations of their own."""


WINDOWED = {
    "networks.windowed": {
        "use": "two-scale-critic",
        "window": [8, 6],
        "critic": {"use": "conv-critic", "width": 4},
    },
    "phases.unsupervised.terms.windowed": {
        "use": "wgan-gp",
        "on": ["adc", "t2w"],
        "critic": "windowed",
        "against": "cs",
    },
}
"""A critic that draws where it looks."""

RECOMPUTED = {
    **WINDOWED,
    "training.recompute": ["encoder", "adc_decoder", "t2w_translator", "latent_critic", "adc_critic", "windowed"],
    "training.precision": "bf16",
    "networks.encoder.latent_norm": "batch",
}
"""Activations are computed again for gradients, those of a penalty too, and under batch normalisation."""


@pytest.mark.parametrize(
    "parts",
    [{}, {"training.precision": "bf16"}, AUGMENTED, MORE, WINDOWED, RECOMPUTED],
    ids=["float32", "bf16", "augmented", "more losses", "windowed", "recomputed"],
)
def test_replayed_training_equals_eager_training(trainer, tiny_recipe, taped, parts):
    """The same weights, moments, averages, states of losses and scalars, bit for bit, with every phase and everything
    it updates."""
    recipe = tiny_recipe(**EVERY_STEP, **parts)
    eager, replayed, said = trainer(recipe), trainer(recipe), []
    replayed.replay_steps(said.append)
    assert said == ["engine: graph; replayed steps of every phase end where eager ones do"]
    for _ in range(4):
        expected, found = eager.step(), replayed.step()
        assert expected.keys() == found.keys()
        assert all(same(expected[phase], found[phase]) for phase in expected)
    assert same(tensors(eager), tensors(replayed))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_recomputed_activations_change_no_bit(trainer, tiny_recipe, precision):
    """Neither of weights, moments and averages, nor of running statistics."""
    parts = {**EVERY_STEP, **MORE, **RECOMPUTED, "training.precision": precision}
    some, plain = trainer(tiny_recipe(**parts)), trainer(tiny_recipe(**{**parts, "training.recompute": []}))
    for each in (some, plain):
        each.step()
        each.step()
    assert same(tensors(some), tensors(plain))


def test_a_replay_reads_its_own_buffers_only(trainer, tiny_recipe):
    """What was recorded outlives the batch it was recorded with, and every number of the next one is copied in."""
    eager, replayed = trainer(tiny_recipe(**EVERY_STEP)), trainer(tiny_recipe(**EVERY_STEP))
    engine = GraphEngine(replayed.state, Tape())
    for phase, other in zip(replayed.phases, eager.phases, strict=True):
        drawn = batches(replayed, phase)
        engine.prove(phase, drawn)
        for tensor in (tensor for batch in drawn for tensor in batch.tensors().values()):
            tensor.fill_(torch.nan)
        batch = phase.batch(replayed.cohort, Draws(0, 7))
        found = engine(phase, lambda batch=batch: batch)
        assert same(eager.engine(other, lambda batch=batch: batch), found)
    assert same(tensors(eager), tensors(replayed))


def test_scalars_stay_when_the_next_step_is_replayed(trainer, tiny_recipe, taped):
    """They are kept until a whole stretch of steps is read."""
    replayed = trainer(tiny_recipe(**EVERY_STEP))
    replayed.replay_steps(lambda _: None)
    first = replayed.step()
    kept = {phase: {name: value.clone() for name, value in terms.items()} for phase, terms in first.items()}
    replayed.step()
    assert all(same(first[phase], kept[phase]) for phase in kept)


def test_a_batch_of_another_shape_is_refused(trainer, tiny_recipe):
    """It would be broadcast or fail far from its cause."""
    replayed = trainer(tiny_recipe())
    (phase, *_) = replayed.phases
    engine = GraphEngine(replayed.state, Tape())
    engine.prove(phase, batches(replayed, phase))
    (batch,) = batches(replayed, phase, 1)
    with pytest.raises(RunError, match="phase 'warm-up': the shapes of its batches change"):
        engine(phase, lambda: batch.holding({name: tensor[:1] for name, tensor in batch.tensors().items()}))


def test_interrupted_equals_uninterrupted_and_eager(run, tmp_path, taped):
    """A replayed run that is stopped and goes on ends with the bytes of one that is not, and of an eager one."""
    run(3)
    run(6)
    run(6, "whole")
    run(6, "eager", **{"training.engine": "eager"})
    states = [checkpoint(tmp_path / where, 6) for where in ("run", "whole", "eager")]
    assert same(states[0], states[1])
    assert same(states[0], states[2])


def test_only_phases_still_to_come_are_recorded(trainer, tiny_recipe, taped, monkeypatch):
    """A run that resumes after the warm-up does not record it; one that has ended records nothing."""
    proven = []
    monkeypatch.setattr(GraphEngine, "prove", lambda self, phase, _: proven.append(phase.spec.name))
    resumed = trainer(tiny_recipe(**{"training.steps": 4}))
    for resumed.state.step in (2, 4):
        resumed.replay_steps(lambda _: None)
    assert proven == ["supervised", "unsupervised"]


# The proof ------------------------------------------------------------------------------------------------


def test_the_proof_leaves_no_trace(trainer, tiny_recipe, taped):
    """State, step and gradients are as before."""
    replayed = trainer(tiny_recipe(**EVERY_STEP))
    before = tensors(replayed)
    replayed.replay_steps(lambda _: None)
    assert same(before, tensors(replayed))
    assert replayed.state.step == 0
    assert all(parameter.grad is None for parameter in replayed.state.networks.parameters())


@pytest.mark.parametrize(
    ("capture", "reason"),
    [
        (Broken, "a step of phase 'warm-up' cannot be recorded: operation not permitted when stream is capturing"),
        (Unfed, "replayed steps of phase 'warm-up' do not move 'encoder' as eager ones do"),
    ],
)
def test_what_fails_the_proof_runs_eagerly(run, tmp_path, taped, capsys, capture, reason):
    """One line says why, and the run ends with the bytes of an eager one."""
    taped(capture)
    run(3)
    assert capsys.readouterr().err.count(f"engine: eager, because {reason}\n") == 1
    run(3, "eager", **{"training.engine": "eager"})
    assert same(checkpoint(tmp_path / "run", 3), checkpoint(tmp_path / "eager", 3))


def test_a_step_that_asks_the_host_cannot_be_recorded(trainer, tiny_recipe):
    """A loss that looks at a number to decide would decide the same for ever."""
    replayed = trainer(tiny_recipe())
    (phase, *_) = replayed.phases
    (term, loss), *rest = phase.paired

    def asking(candidate, reference):
        each_B = loss(candidate, reference)
        return each_B if each_B.sum() > 0 else -each_B

    phase.paired = [(term, asking), *rest]
    with pytest.raises(CaptureError, match="phase 'warm-up' cannot be recorded"):
        GraphEngine(replayed.state, Tape()).prove(phase, batches(replayed, phase))
    assert all(parameter.grad is None for parameter in replayed.state.networks.parameters())


def test_a_step_that_counts_on_the_host_is_found_out(trainer, tiny_recipe):
    """A weight that grows from call to call is a constant in a recording; the proof sees that the ends differ."""
    replayed = trainer(tiny_recipe())
    (phase, *_) = replayed.phases
    (term, loss), *rest = phase.paired
    calls = []

    def growing(candidate, reference):
        calls.append(None)
        return loss(candidate, reference) * (-1) ** len(calls)

    phase.paired = [(term, growing), *rest]
    with pytest.raises(CaptureError, match="do not move"):
        GraphEngine(replayed.state, Tape()).prove(phase, batches(replayed, phase, 4))


def test_an_error_of_the_step_itself_is_not_hidden(trainer, tiny_recipe):
    """What eager steps raise too is no reason to fall back."""
    replayed = trainer(tiny_recipe())
    (phase, *_) = replayed.phases
    phase.paired = [(term, None) for term, _ in phase.paired]
    with pytest.raises(TypeError):
        GraphEngine(replayed.state, Tape()).prove(phase, batches(replayed, phase))


# The option -----------------------------------------------------------------------------------------------


def test_graph_without_cuda_is_refused_before_anything_is_written(run, tmp_path):
    """One line: what is needed, what is here, what to write instead."""
    with pytest.raises(InputError) as refused:
        run(2, **{"training.engine": "graph"})
    assert str(refused.value) == (
        "training.engine: 'graph' needs CUDA and this run has the device cpu; use 'auto' or 'eager'"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("engine", "device", "wanted"),
    [("auto", CUDA, True), ("graph", CUDA, True), ("eager", CUDA, False), ("auto", CPU, False)],
)
def test_auto_is_graph_on_cuda(engine, device, wanted):
    """And eager elsewhere."""
    assert wants_graph(engine, device) is wanted


def test_the_engine_may_change_when_a_run_goes_on(run):
    """It changes no number."""
    run(1, **{"training.engine": "eager"})
    assert run(2).step == 2


# Scalars of a GPU -----------------------------------------------------------------------------------------


def test_scalars_are_read_when_needed():
    """Together, on steps that are logged or saved, or when so many wait."""
    readings = ScalarReader(3, advice=str)
    one, two = ({"a": {"x": torch.tensor(value)}} for value in (1.0, 2.0))
    assert readings.add(1, one, needed=False) == {}
    assert readings.add(2, two, needed=True) == {"a.x": 2.0}
    assert readings.add(3, {}, needed=True) == {"a.x": 2.0}  # of a phase that rests on this step
    readings.begin_row()
    assert [readings.add(step, one, needed=False) for step in (4, 5, 6)] == [{}, {}, {"a.x": 1.0}]


def test_the_first_step_that_is_not_finite_is_named():
    """However many steps later it is read."""
    readings = ScalarReader(100, advice=lambda: "there is no checkpoint yet")
    for step, value in ((1, 1.0), (2, float("nan")), (3, float("inf"))):
        readings.add(step, {"a": {"x": torch.tensor(1.0), "y": torch.tensor(value)}}, needed=False)
    with pytest.raises(RunError, match=r"phase 'a', term 'y': the loss is nan at step 2; there is no checkpoint yet"):
        readings.add(4, {}, needed=True)


def test_nothing_is_saved_after_a_step_that_was_not_finite(run, tmp_path, monkeypatch):
    """Also where it is read only when the checkpoint is due."""
    monkeypatch.setattr("gankit.training.train.ScalarReader", lambda _, advice: ScalarReader(100, advice))
    step = Trainer.step

    def step_to_nan(self):
        scalars = step(self)
        return (
            {phase: dict.fromkeys(terms, torch.tensor(torch.nan)) for phase, terms in scalars.items()}
            if (self.state.step == 3)
            else scalars
        )

    monkeypatch.setattr(Trainer, "step", step_to_nan)
    with pytest.raises(RunError, match="at step 3; the last good checkpoint is"):
        run(4, **{"training.log_every": 100})
    assert RunDirectory(tmp_path / "run").checkpoints() == [RunDirectory(tmp_path / "run").checkpoint(2)]


# On a GPU -------------------------------------------------------------------------------------------------


@pytest.fixture
def on_cuda(tiny_cohort):
    def make(recipe):
        return Trainer(recipe, resident_cohort(recipe, tiny_cohort, CUDA), CUDA)

    return make


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_gpu_records_every_phase_and_replays_what_eager_steps_do(on_cuda, tiny_recipe, precision):
    """With kernels that add in a fixed order the parameters are equal bit for bit after several steps."""
    recipe = tiny_recipe(**EVERY_STEP, **{"training.precision": precision})
    with deterministic():
        eager, replayed, said = on_cuda(recipe), on_cuda(recipe), []
        replayed.replay_steps(said.append)
        assert said == ["engine: graph; replayed steps of every phase end where eager ones do"]
        for _ in range(8):
            expected, found = eager.step(), replayed.step()
            assert all(same(expected[phase], found[phase]) for phase in expected)
    assert same(tensors(eager), tensors(replayed))


@needs_cuda
def test_a_gpu_that_cannot_record_goes_on_eagerly(on_cuda, tiny_recipe):
    """After a capture that CUDA refused the device still works."""
    broken = on_cuda(tiny_recipe(**EVERY_STEP))
    (phase, *_) = broken.phases
    (term, loss), *rest = phase.paired
    phase.paired = [(term, lambda *images: loss(*images) * (1 if loss(*images).sum().item() >= 0 else 2)), *rest]
    said = []
    broken.replay_steps(said.append)
    assert said[0].startswith("engine: eager, because a step of phase 'warm-up' cannot be recorded")
    assert all(value.isfinite() for terms in broken.step().values() for value in terms.values())


@needs_cuda
def test_a_run_on_a_gpu_resumes_where_it_was(tiny_recipe, tmp_path, plugins):
    """Stopped and gone on, replayed: the same bytes."""
    with deterministic():
        for where, steps in (("run", 3), ("run", 6), ("whole", 6)):
            train(tiny_recipe(**{"training.steps": steps}), tmp_path / where, device="cuda", plugins=plugins)
    assert same(*(checkpoint(tmp_path / where, 6) for where in ("run", "whole")))


@needs_cuda
def test_draws_run_beside_a_replay(on_cuda, tiny_recipe):
    """Buffers are never filled before the replay that reads them is done: a long stretch ends where eager steps do."""
    recipe = tiny_recipe(**EVERY_STEP, **{"training.batch": 16})
    with deterministic():
        eager, replayed = on_cuda(recipe), on_cuda(recipe)
        replayed.replay_steps(lambda _: None)
        for each in (eager, replayed):
            for _ in range(50):
                each.step()
    assert same(tensors(eager), tensors(replayed))


@contextlib.contextmanager
def deterministic():
    """Kernels add in a fixed order, where there is one that does."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@needs_cuda
def test_a_capture_returns_the_same_memory(on_cuda):
    """The plain facts that the engine stands on."""
    capture, buffer = CudaCapture(CUDA), torch.ones(4, device=CUDA)
    with capture.warming_up():
        buffer.sum()
    replay = capture.record(lambda: buffer.sum())
    for value in (2.0, 3.0):
        capture.feed(lambda value=value: {"x": torch.full((4,), value).to(CUDA)}, lambda b: buffer.copy_(b["x"]))
        assert replay().item() == 4 * value
    assert replay().data_ptr() == replay().data_ptr()
