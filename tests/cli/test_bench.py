"""``gankit bench``: what components cost in a slot, which code serves operators, kernels side by side."""

import re
import time
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from gankit import load_plugins, load_recipe
from gankit.cli import main
from gankit.networks.bench import FlopCount, LiveBytes, interleaved, slot_of, threads

SMALL = [
    *("--set", "modalities.adc.shape=[1, 16, 16]", "--set", "modalities.t2w.shape=[1, 16, 16]"),
    *("--set", "networks.t2w_translator.width=4", "--set", "networks.t2w_translator.depth=2"),
    *("--set", "networks.adc_critic.width=4"),
    *("--batch", "2", "--rounds", "1", "--threads", "1", "--device", "cpu"),
]


def gankit(*words):
    return CliRunner().invoke(main, ["bench", *words])


@pytest.fixture
def one_plugin(monkeypatch, tmp_path):
    """``one_plugin(source)``: gankit with one plugin of this source alone."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(source):
        module = f"benched_{abs(hash(tmp_path))}"
        (tmp_path / f"{module}.py").write_text(f"from gankit import hookimpl\n{source}")
        found = [EntryPoint(name="mine", value=module, group="gankit")]
        monkeypatch.setattr("gankit.cli.bench.plugins", lambda: load_plugins(found))

    return install


@pytest.fixture
def clock(monkeypatch):
    """Time that passes in ``time.sleep`` alone, so that what is measured does not depend on how busy the machine is."""
    clock = SimpleNamespace(now_s=0.0)
    monkeypatch.setattr(time, "sleep", lambda seconds: setattr(clock, "now_s", clock.now_s + seconds))
    monkeypatch.setattr("gankit.networks.bench.time", SimpleNamespace(perf_counter=lambda: clock.now_s))


# Components -----------------------------------------------------------------------------------------------


def test_a_slot_is_measured_with_the_recipes_own_and_every_component_of_the_kind():
    """A line each: parameters, GFLOP, two times and a peak; the recipe's own configuration first."""
    result = gankit("--recipe", "mpmri-paper-quick", "--slot", "t2w_translator", *SMALL)
    assert result.exit_code == 0, result.output
    head, blank, columns, own, default, *_ = result.output.split("\n")[3:]
    assert "live tensors" in head
    assert not blank
    assert re.split("  +", columns) == ["component", "parameters", "GFLOP", "ms forward", "ms both", "peak MB"]
    assert own.startswith("unet, as in mpmri-paper-quick  ")
    for line in own, default:
        numbers = [float(number.replace(",", "")) for number in line.split()[-5:]]
        assert min(numbers) > 0
    assert "batch 2, float32\ncpu, 1 thread, torch" in result.output


def test_what_does_not_fit_the_slot_is_named_with_the_reason():
    """A critic of latents cannot score images."""
    result = gankit("--recipe", "mpmri-paper-quick", "--slot", "adc_critic", *SMALL)
    assert result.exit_code == 0, result.output
    left_out = "mlp-critic: left out; scores latents (Z), not 1 x 16 x 16; images need another critic"
    assert left_out in result.output.splitlines()


def test_a_component_that_is_already_the_recipes_own_is_not_measured_twice(plugins):
    """Where the recipe has every option at its default there is one line."""
    slot = slot_of(load_recipe("mpmri", (), plugins), "t2w_translator", plugins.registry)
    assert next(iter(slot.candidates)) == "unet, as in mpmri"
    assert "unet" not in slot.candidates


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--recipe mpmri --slot t2w_transltor", "no such network; did you mean 't2w_translator'?; it has encoder,"),
        ("--recipe mpmri", "--recipe mpmri needs one of its networks, --slot NAME: encoder, adc_decoder,"),
        ("--slot encoder", "--slot needs a recipe, as in --recipe mpmri-quick --slot t2w_translator"),
        ("--batch 3", "--batch needs a recipe"),
        ("--recipe mpmir --slot encoder", "no recipe named 'mpmir'; did you mean 'mpmri'?"),
        ("--recipe mpmri --slot encoder --batch 0", "Invalid value for '--batch'"),
        ("--paths --recipe mpmri", "--recipe goes without --paths, which measures nothing; leave one of them out"),
        ("--rounds 3 --paths", "--rounds goes without --paths"),
        ("--device tpu", "--device tpu: unknown; accepted: auto, cpu, cuda, cuda:N"),
    ],
)
def test_wrong_input_is_one_message(words, message):
    """Exit code 2 and what is accepted, before anything is measured."""
    result = gankit(*words.split())
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_batch_beyond_the_memory_is_one_message():
    """Not even its numbers can be drawn."""
    result = gankit("--recipe", "mpmri", "--slot", "encoder", "--batch", "100000000000")
    assert result.exit_code == 1
    assert "Error: --batch 100000000000: too much for the memory of cpu; choose a smaller one" in result.output


# Operators and kernels ------------------------------------------------------------------------------------


def test_every_operator_of_a_plugin_says_which_code_serves_it():
    """The installed stitch operators, on the CPU at least."""
    result = gankit("--paths")
    assert result.exit_code == 0
    for op in ("stitch", "unstitch"):
        assert f"gankit::{op} on cpu: " in result.output


def test_kernels_are_timed_beside_each_other(one_plugin, clock):
    """Each title is a table, and times are multiples of the first call's."""
    one_plugin(
        "import time\n@hookimpl\ndef kernels(device):\n"
        "    return {f'waiting on {device}': lambda: {'once': lambda: time.sleep(0.002),"
        " 'thrice': lambda: time.sleep(0.006)}}\n"
    )
    result = gankit("--device", "cpu", "--rounds", "3")
    assert result.exit_code == 0, result.output
    columns, once, thrice = result.output.splitlines()[-3:]
    assert re.split("  +", columns) == ["waiting on cpu", "ms", "times once"]
    assert once.split() == ["once", "2", "1.00"]
    assert thrice.split() == ["thrice", "6", "3.00"]


def test_without_kernels_one_line_says_what_else_there_is(one_plugin):
    """Nothing to time is no empty table."""
    one_plugin("@hookimpl\ndef recipes(): return {}\n")
    result = gankit()
    assert result.exit_code == 2
    assert "no installed plugin has kernels to time; give --recipe and --slot" in result.output
    assert gankit("--paths").output == "no installed plugin has operators of its own; torch serves everything\n"


def test_the_installed_kernels_can_be_prepared_and_called(plugins):
    """Every call that the table would time runs once."""
    offered = plugins.kernels(torch.device("cpu"))
    assert offered
    for call in next(iter(offered.values()))().values():
        assert call().numel() > 0


# Measures -------------------------------------------------------------------------------------------------


def test_arithmetic_of_a_penalty_is_counted():
    """A matrix product is 2 m n k; its gradient by the input is one more, and that gradient's two derivatives too."""
    weight, x = torch.ones(5, 3, requires_grad=True), torch.ones(7, 5, requires_grad=True)
    product = 2 * 7 * 5 * 3
    with FlopCount() as counted:
        (slope,) = torch.autograd.grad((x @ weight).square().sum(), x, create_graph=True)
    assert counted.total == 2 * product
    with FlopCount() as counted:
        slope.square().sum().backward()
    assert counted.total == 4 * product  # slope by weight and by x @ weight, and that by weight and by x


def test_arithmetic_of_a_convolution_is_counted():
    """Two for each output, input channel and tap."""
    with FlopCount() as counted:
        nn.Conv2d(3, 4, 3, padding=1)(torch.zeros(2, 3, 8, 8))
    assert counted.total == 2 * (2 * 4 * 8 * 8) * 3 * 9


def test_live_memory_falls_when_tensors_go():
    """The peak is what is held at once: views and writing in place add nothing."""
    with LiveBytes() as followed:
        kept = torch.zeros(256)
        kept.add_(1).view(16, 16).t()
        for _ in range(5):
            kept = kept + 1
    assert followed.live == 1024
    assert followed.peak == 2048


def test_medians_ignore_one_disturbed_round(clock):
    """Every round times every call, and one slow round does not count."""
    waits = iter([0, 0, 0, 0.05, 0])
    taken = interleaved({"call": lambda: time.sleep(0.002 + next(waits))}, torch.device("cpu"), 3)
    assert taken["call"] == pytest.approx(0.002)


def test_threads_are_given_back():
    """The number of threads is torch's for the whole process."""
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
