"""``gankit::stitch`` and ``gankit::unstitch`` as operators, and which code serves a tensor."""

import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gankit_stitch import _choice, _ops, _plain, _torch, path_for, stitch, unstitch
from gankit_stitch._paths import INTERPRETED
from gankit_stitch._shapes import memory_format
from gankit_stitch._stitch import _Recorded, _way

F64 = torch.float64
DTYPES = [
    F64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.uint8,
    torch.bool,
]
LAYOUTS = {
    "contiguous": lambda x: x,
    "channels_last": lambda x: x.to(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "batch_inside": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "strided": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
    "odd_offset": lambda x: torch.cat([x.new_zeros(1), x.flatten()])[1:].view(x.shape),
    "odd_offset_last": lambda x: (
        torch.cat([x.new_zeros(1), x.movedim(1, -1).flatten()])[1:].view(x.movedim(1, -1).shape).movedim(-1, 1)
    ),
    "expanded": lambda x: x[:1, :, :1].expand(x.shape),
}  # fmt: skip


def random(*shape, dtype=F64, seed=0):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)
    return values.mul(50).to(dtype) if not dtype.is_floating_point else values.to(dtype)


def leaf(*shape, seed=0):
    return random(*shape, seed=seed).requires_grad_()


# Values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("channels", "factor"), [(1, 2), (2, 2), (3, 2), (1, 3), (1, 4), (3, 4), (2, 1)])
def test_operators_equal_pixel_shuffle_in_every_layout(dtype, layout, channels, factor):
    """Bit for bit, in fresh memory, in the memory format that torch's would have."""
    x = LAYOUTS[layout](random(2, channels * factor**2, 3, 5, dtype=dtype))
    image = _ops.stitch(x, factor)
    assert torch.equal(image, pixel_shuffle(x, factor))
    assert image.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
    assert image.stride() == pixel_shuffle(x, factor).stride()
    y = LAYOUTS[layout](image)
    parts = _ops.unstitch(y, factor)
    assert torch.equal(parts, pixel_unshuffle(y, factor))
    assert parts.untyped_storage().data_ptr() != y.untyped_storage().data_ptr()
    assert parts.stride() == pixel_unshuffle(y, factor).stride()


@given(
    st.integers(0, 3), st.integers(0, 3), st.lists(st.integers(0, 4), min_size=1, max_size=3), st.integers(1, 5),
    st.sampled_from([torch.float32, torch.bfloat16, torch.uint8, torch.complex64, torch.complex128]),
)  # fmt: skip
def test_operators_equal_the_plain_form(batch, channels, sides, factor, dtype):
    """Every rank, factor and size takes values where a view with permuted axes would."""
    x = torch.arange(batch * channels * factor ** len(sides) * torch.Size(sides).numel()).to(dtype)
    x = x.view(batch, channels * factor ** len(sides), *sides)
    image = _ops.stitch(x, factor)
    assert torch.equal(image, stitch(x, factor))
    assert torch.equal(_ops.unstitch(image, factor), x)


@pytest.mark.parametrize("last", [False, True])
def test_three_dimensions_keep_channels_last(last):
    """channels_last_3d in, channels_last_3d out, both ways."""
    form = torch.channels_last_3d if last else torch.contiguous_format
    x = random(2, 16, 3, 2, 4).to(memory_format=form)
    image = _ops.stitch(x, 2)
    assert image.is_contiguous(memory_format=form)
    assert torch.equal(image, stitch(x.contiguous(), 2))
    assert torch.equal(_ops.unstitch(image, 2), x)
    assert _ops.unstitch(image, 2).is_contiguous(memory_format=form)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_no_bit_of_a_nan_changes(factor):
    """Payloads, infinities and the sign of zero pass unread."""
    bits = torch.tensor([0x7FC00001, 0x7F800001, -0x00400001, -0x80000000, 0x7F800000]).to(torch.int32)
    x = bits.repeat(factor**2).view(1, factor**2, 1, 5)
    assert torch.equal(_ops.stitch(x.view(torch.float32), factor).view(torch.int32), pixel_shuffle(x, factor))


def test_nothing_is_aliased():
    """The result is fresh memory even where nothing has to move, on both sides of the size that picks the path, and
    where a side of 1 leaves nothing to permute."""
    for last in ((4, 5, 1), (400, 401, 1)):
        x = random(1, *last).to(memory_format=torch.channels_last)
        assert stitch(x, 2).data_ptr() != x.data_ptr()
    for x in (random(1, 1, 2, 2), random(1, 1, 400, 400)):
        assert stitch(x, 1).data_ptr() != x.data_ptr()
        assert unstitch(x, 1).data_ptr() != x.data_ptr()


def test_pytorchs_own_samples_of_pixel_shuffle():
    """The inputs that torch tests pixel_shuffle with, and those of pixel_unshuffle, give torch's results."""
    invocations = pytest.importorskip("torch.testing._internal.common_methods_invocations", exc_type=ImportError)
    found = 0
    for name, ours, public in (
        ("nn.functional.pixel_shuffle", _ops.stitch, stitch),
        ("nn.functional.pixel_unshuffle", _ops.unstitch, unstitch),
    ):
        (info,) = [info for info in invocations.op_db if info.name == name]
        for sample in info.sample_inputs("cpu", torch.float32):
            if sample.input.ndim != 4:  # torch allows batches of any rank, or none
                continue
            found += 1
            factor = sample.args[0] if sample.args else next(iter(sample.kwargs.values()))
            expected = info.op(sample.input, factor)
            assert torch.equal(ours(sample.input, factor), expected)
            assert torch.equal(public(sample.input, factor), expected)
    assert found >= 2


# Derivatives and transforms -------------------------------------------------------------------------------

CASES = {
    "stitch": (_ops.stitch, lambda: (leaf(2, 4, 3, 2), 2)),
    "stitch-1d": (_ops.stitch, lambda: (leaf(2, 3, 4), 3)),
    "stitch-last": (_ops.stitch, lambda: (leaf(2, 3, 2, 8).movedim(-1, 1).detach().requires_grad_(), 2)),
    "unstitch": (_ops.unstitch, lambda: (leaf(1, 2, 4, 4), 2)),
    "unstitch-3d": (_ops.unstitch, lambda: (leaf(1, 1, 2, 2, 4), 2)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_operators_pass_torchs_own_check(case):
    """opcheck: schema, fake tensors, autograd registration, tracing with static and dynamic shapes."""
    operator, inputs = CASES[case]
    torch.library.opcheck(operator, inputs())


@pytest.mark.parametrize("case", CASES)
def test_derivatives_are_right_twice(case):
    """First and second derivatives agree with finite differences."""
    operator, inputs = CASES[case]
    *tensors, factor = inputs()
    assert gradcheck(lambda *tensors: operator(*tensors, factor), tensors)
    assert gradgradcheck(lambda *tensors: operator(*tensors, factor), tensors)


@pytest.mark.parametrize("side", [2, 70])
def test_small_tensors_have_exact_derivatives(side):
    """Of a cube the first and second derivatives are known; torch's own operator and the plain form give them."""
    x = leaf(1, 4, side, side)
    (first,) = torch.autograd.grad(stitch(x, 2).pow(3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close((first, second), (3 * x**2, 6 * x))


def test_small_tensors_are_differentiated_twice_too():
    """Below the size that pays for an operator, torch differentiates its own form or the plain one."""
    x = leaf(1, 4, 2, 2)
    assert gradcheck(lambda x: stitch(x, 2).square(), x)
    assert gradgradcheck(lambda x: unstitch(stitch(x, 2).square(), 2), x)


@pytest.mark.skipif(INTERPRETED, reason="then the kernels serve every tensor")
def test_no_operator_is_called_where_autograd_at_most_follows():
    """Forward derivatives, fake tensors and subclasses are asked after; others skip the operator, which costs time."""
    x = random(2, 4, 100, 100)
    assert _way("stitch", x, 2) is _torch
    assert _way("stitch", x.clone().requires_grad_(), 2) is _plain
    with torch.no_grad():
        assert _way("stitch", x.clone().requires_grad_(), 2) is _torch
    with forward_ad.dual_level():
        assert _way("stitch", x, 2) is _plain
    large = random(2, 4, 200, 200)
    assert _way("stitch", torch.nn.Parameter(large), 2) is _Recorded
    with forward_ad.dual_level():
        assert _way("stitch", large, 2) is _ops
    with FakeTensorMode() as mode:
        assert _way("stitch", mode.from_tensor(large), 2) is _ops
        assert stitch(mode.from_tensor(large), 2).shape == (2, 1, 400, 400)


@pytest.mark.parametrize("call", [stitch, unstitch])
def test_what_autograd_records_in_python_is_right_twice(call):
    """First and second derivatives of the two functions that serve large tensors agree with finite differences."""
    x = leaf(1, 4, 2, 2)
    assert gradcheck(lambda x: getattr(_Recorded, call.__name__)(x, 2).square(), x)
    assert gradgradcheck(lambda x: getattr(_Recorded, call.__name__)(x, 2).pow(3), x)


@pytest.mark.parametrize("last", [False, True])
def test_large_tensors_have_exact_derivatives(last):
    """Of a cube the first and second derivatives are known."""
    x = random(2, 4, 200, 200).to(memory_format=torch.channels_last if last else torch.contiguous_format)
    x.requires_grad_()
    (first,) = torch.autograd.grad(unstitch(stitch(x, 2).pow(3), 2).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close((first, second), (3 * x**2, 6 * x))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("call", [stitch, unstitch])
def test_results_on_a_gpu_have_the_layout_of_the_input(call, layout):
    """Shown with tensors that only seem to be there."""
    with FakeTensorMode():
        x = LAYOUTS[layout](torch.empty(2, 8, 4, 6, device="cuda"))
        result = call(x, 2)
    assert result.device.type == "cuda"
    assert memory_format(result) is memory_format(x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_plain_form_keeps_the_layout(layout):
    """It serves a GPU, where no other form follows it."""
    x = LAYOUTS[layout](random(2, 8, 4, 6))
    image, parts = _plain.stitch(x, 2), _plain.unstitch(x, 2)
    assert torch.equal(image, pixel_shuffle(x, 2))
    assert torch.equal(parts, pixel_unshuffle(x, 2))
    assert memory_format(image) is memory_format(parts) is memory_format(x)


def test_the_plain_form_keeps_the_layout_of_volumes():
    """Channels last has a form of three dimensions too."""
    x = random(2, 16, 2, 4, 6).to(memory_format=torch.channels_last_3d)
    image = _plain.stitch(x, 2)
    assert torch.equal(image, _plain.stitch(x.contiguous(), 2))
    assert torch.equal(_plain.unstitch(image, 2), x)
    assert memory_format(image) is memory_format(_plain.unstitch(image, 2)) is memory_format(x)


@pytest.fixture
def timed(monkeypatch):
    """What a GPU would be asked: how long each way takes, and whether a CUDA graph is recorded."""
    state = {_plain: 2.0, _ops: 1.0, "recording": False, "calls": 0}

    def milliseconds(move, x, factor):
        state["calls"] += 1
        return state[_plain if move is _plain.stitch else _ops]

    monkeypatch.setattr(_choice, "_chosen", {})
    monkeypatch.setattr(_choice, "_milliseconds", milliseconds)
    monkeypatch.setattr(_choice, "kernels_for", lambda x: _ops)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: state["recording"])
    return state


@pytest.mark.parametrize(("milliseconds", "way"), [(1.0, _ops), (3.0, _plain)])
def test_whichever_is_faster_serves_large_tensors_on_a_gpu(timed, milliseconds, way):
    """Asked at the second call, once for each shape; a kernel serves where it takes less time than torch's copy."""
    x = random(1, 4, 8, 8)
    timed[_ops] = milliseconds
    assert _choice.fastest("stitch", x, 2) is _plain
    assert timed["calls"] == 0
    assert _choice.fastest("stitch", x, 2) is way
    asked = timed["calls"]
    assert _choice.fastest("stitch", x, 2) is way
    assert timed["calls"] == asked
    assert _choice.fastest("stitch", random(2, 4, 8, 8), 2) is _plain


def test_nothing_is_timed_while_a_cuda_graph_is_recorded(timed):
    """What was chosen before is recorded, else torch's copy."""
    x, other = random(1, 4, 8, 8), random(1, 4, 4, 8)
    for _ in range(2):
        _choice.fastest("stitch", x, 2)
    asked, timed["recording"] = timed["calls"], True
    assert _choice.fastest("stitch", x, 2) is _ops
    assert [_choice.fastest("stitch", other, 2) for _ in range(3)] == [_plain] * 3
    assert timed["calls"] == asked


def test_forward_derivatives_of_small_tensors():
    """A tangent passes through as the values do."""
    x, tangent = random(1, 4, 70, 70), random(1, 4, 70, 70, seed=1)
    with forward_ad.dual_level():
        image = stitch(forward_ad.make_dual(x, tangent), 2)
        assert torch.equal(forward_ad.unpack_dual(image).tangent, stitch(tangent, 2))


@pytest.mark.parametrize("axis", [0, 1, 4])
@pytest.mark.parametrize("call", [stitch, unstitch, _ops.stitch, _ops.unstitch])
def test_vmap_adds_a_dimension_anywhere(call, axis):
    """vmap over any axis equals one call per slice."""
    x = random(3, 2, 4, 2, 2).movedim(0, axis)
    mapped = torch.vmap(lambda x: call(x, 2), in_dims=axis)(x)
    assert torch.equal(mapped, torch.stack([call(part, 2) for part in x.unbind(axis)]))


def test_vmap_of_gradients():
    """Per-sample gradients, by vmap over grad, equal those of a loop."""
    x = random(3, 1, 4, 2, 2)
    gradient = torch.func.grad(lambda x: unstitch(stitch(x, 2).pow(3), 2).square().sum())
    torch.testing.assert_close(torch.vmap(gradient)(x), torch.stack([gradient(one) for one in x]))


@pytest.mark.parametrize("dynamic", [False, True])
def test_compiles_without_a_graph_break(dynamic):
    """fullgraph, with gradients, static and dynamic shapes, small tensors and large."""

    def ends(x):
        return unstitch(stitch(x, 2).pow(3), 2).square().sum()

    compiled = torch.compile(ends, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    for side in (200,) if dynamic else (3, 200):
        x = leaf(2, 4, side, side)
        torch.testing.assert_close(compiled(x), ends(x))
        (gradient,), (expected,) = (torch.autograd.grad(f(x), x) for f in (compiled, ends))
        torch.testing.assert_close(gradient, expected)


@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="inductor needs a C++ compiler")
def test_inductor_calls_the_operators():
    """The default compiler, forward and back, keeps the operators and the layouts they promise."""
    x = random(2, 4, 100, 100).to(memory_format=torch.channels_last).requires_grad_()
    image = torch.compile(stitch, fullgraph=True)(x, 2)
    assert torch.equal(image, stitch(x, 2))
    image.backward(image.detach())
    assert torch.equal(x.grad, x)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: torch.ops.gankit.stitch(torch.zeros(2, 6, 4, 4), 2), r"2\^2 = 4.*\(2, 6, 4, 4\)"),
        (lambda: torch.ops.gankit.stitch(torch.zeros(2, 6, 4, 4), 0), r"at least 1, got 0.*\(2, 6, 4, 4\)"),
        (lambda: torch.ops.gankit.unstitch(torch.zeros(2, 6), 2), r"spatial dimensions.*\(2, 6\)"),
        (lambda: torch.ops.gankit.unstitch(torch.zeros(1, 1, 4, 5), 2), r"sides divisible.*\(1, 1, 4, 5\)"),
        (lambda: torch.ops.gankit.stitch(torch.zeros(2, 6, 4, 4, device="meta"), 4), r"4\^2 = 16.*\(2, 6, 4, 4\)"),
    ],
)
def test_operators_refuse_with_the_shape(call, said):
    """Called directly or with fake tensors, they say what was found and what is accepted."""
    with pytest.raises(ValueError, match=said):
        call()


def test_path_for_a_tensor_can_be_asked():
    """A CPU tensor takes torch's path unless the kernels are interpreted; complex128 always does."""
    assert path_for(torch.zeros(1)) in ("torch", "triton")
    assert path_for(torch.zeros(1, dtype=torch.complex128)) == "torch"
