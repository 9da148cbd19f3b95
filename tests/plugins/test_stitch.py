"""The StitchLayer and the decoder around it (paper Sec. II-B, Sec. IV-B, Eq. 7, Fig. 8)."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gankit_stitch import StitchDecoder, StitchLayer, stitch, unstitch

LATENT = {"latent": (128,)}
ADC = {"adc": (1, 64, 64)}
FACTORS = (1, 2, 4, 8, 16)

factors = st.integers(1, 4)
small = st.integers(0, 3)


def image(*shape, dtype=torch.float32):
    return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)


def decoder(target=ADC, seed=0, **options):
    torch.manual_seed(seed)
    return StitchDecoder(**options).build(LATENT, target)


def parameters(*modules):
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def problems(target, source=LATENT, **options):
    return [(problem.place, problem.message) for problem in StitchDecoder(**options).check(source, target)]


# The operation --------------------------------------------------------------------------------------------


def test_each_sub_image_supplies_the_pixels_of_equation_7():
    """Sub-image n = p*F + q supplies pixel (F*i + p, F*j + q), all counted from 0."""
    factor, sub_images = 3, image(2, 9, 4, 5)
    stitched = stitch(sub_images, factor)
    assert stitched.shape == (2, 1, 12, 15)
    for n in range(9):
        p, q = divmod(n, factor)
        assert torch.equal(stitched[:, 0, p::factor, q::factor], sub_images[:, n])


def test_three_dimensions_count_the_last_one_fastest():
    """In three dimensions sub-image n = (p*F + q)*F + r supplies voxel (F*i + p, F*j + q, F*k + r)."""
    sub_images = image(1, 16, 2, 3, 1)
    stitched = stitch(sub_images, 2)
    for n in range(8):
        p, q, r = n // 4, n // 2 % 2, n % 2
        assert torch.equal(stitched[:, :, p::2, q::2, r::2], sub_images[:, n::8])


def test_one_dimension_interlaces_signals():
    """Two signals of three samples become one of six."""
    assert stitch(torch.tensor([[[0, 2, 4], [1, 3, 5]]]), 2).tolist() == [[[0, 1, 2, 3, 4, 5]]]


@given(small, small, small, small, factors)
def test_two_dimensions_equal_pixel_shuffle(batch, channels, height, width, factor):
    """In two dimensions the operation is torch's pixel_shuffle, bit for bit, empty tensors included."""
    x = image(batch, channels * factor**2, height, width)
    assert torch.equal(stitch(x, factor), pixel_shuffle(x, factor))


@given(*[st.integers(1, 3)] * 4, factors)
def test_two_dimensions_equal_pixel_unshuffle(batch, channels, height, width, factor):
    """In two dimensions the inverse is torch's pixel_unshuffle, bit for bit, unless empty."""
    x = image(batch, channels, height * factor, width * factor)
    assert torch.equal(unstitch(x, factor), pixel_unshuffle(x, factor))


@given(small, small, st.lists(small, min_size=1, max_size=3), factors)
def test_unstitch_undoes_stitch(batch, channels, sides, factor):
    """The two are inverse to one another for every rank and size."""
    parts = image(batch, channels * factor ** len(sides), *sides)
    stitched = stitch(parts, factor)
    assert stitched.shape == (batch, channels, *[factor * side for side in sides])
    assert torch.equal(unstitch(stitched, factor), parts)


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64],
)
def test_any_dtype_is_kept(dtype):
    """The operation moves values and never computes with them."""
    x = image(1, 8, 3, 2, dtype=dtype)
    stitched = stitch(x, 2)
    assert stitched.dtype == dtype
    assert torch.equal(unstitch(stitched, 2), x)


@pytest.mark.parametrize(
    "relayout",
    [
        lambda x: x.to(memory_format=torch.channels_last),
        lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
        lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
        lambda x: x.flip(0)[[1, 0]],
    ],
)
def test_memory_layout_does_not_matter(relayout):
    """Channels-last, transposed and strided inputs give the values of a contiguous one."""
    x = image(2, 8, 3, 4)
    assert torch.equal(stitch(relayout(x), 2), stitch(x, 2))


def test_gradient_is_unstitch():
    """Stitching is a permutation, so its derivative carries gradients back by the inverse permutation."""
    x = torch.randn(2, 8, 3, 4, requires_grad=True)
    gradient = torch.randn(2, 2, 6, 8)
    (back,) = torch.autograd.grad(stitch(x, 2), x, gradient)
    assert torch.equal(back, unstitch(gradient, 2))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: stitch(torch.zeros(2, 6, 4, 4), 2), r"divisible by 2\^2 = 4.*6 channels.*\(2, 6, 4, 4\)"),
        (lambda: stitch(torch.zeros(2, 4, 4, 4), 0), r"at least 1, got 0.*\(2, 4, 4, 4\)"),
        (lambda: stitch(torch.zeros(2, 4), 2), r"spatial dimensions.*\(2, 4\)"),
        (lambda: unstitch(torch.zeros(1, 1, 4, 5), 2), r"sides divisible.*\(1, 1, 4, 5\)"),
        (lambda: unstitch(torch.zeros(1, 1, 4, 5), -1), "at least 1"),
        (lambda: StitchLayer(0), "at least 1"),
    ],
)
def test_impossible_shapes_are_refused_with_the_shape(call, said):
    """A shape that cannot be stitched raises ValueError that says what was found and what is accepted."""
    with pytest.raises(ValueError, match=said):
        call()


def test_layer_has_nothing_to_learn():
    """StitchLayer is the operation as a module, with no parameters."""
    layer = StitchLayer(2)
    x = image(1, 4, 2, 2)
    assert torch.equal(layer(x), stitch(x, 2))
    assert not list(layer.parameters())
    assert "factor=2" in repr(layer)


# The decoder ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", FACTORS)
def test_decoder_makes_images_in_range_for_every_factor_of_table_1(factor):
    """At 64 x 64, F = 1, 2, 4, 8, 16 all give images in (-1, 1), far from saturation when training starts."""
    images = decoder(factor=factor)(torch.randn(8, 128))
    assert images.shape == (8, 1, 64, 64)
    assert images.abs().max() < 0.95
    assert 0.05 < images.std() < 0.5


@pytest.mark.parametrize("factor", FACTORS)
def test_shared_layers_hold_about_77_percent_of_the_parameters(factor):
    """Sec. IV-B: the fully connected layer and the first block account for 77% of the parameters."""
    network = decoder(factor=factor)
    shared = parameters(network.first, network.blocks[0])
    assert shared / parameters(network) == pytest.approx(0.77, abs=0.035)


def test_all_factors_start_from_the_same_shared_layers():
    """Sec. IV-B: the five decoders share the fully connected layer and first block, here by value."""
    reference, *others = [decoder(factor=factor) for factor in FACTORS]
    for other in others:
        for name in ("first.weight", "blocks.0.1.weight"):
            assert torch.equal(other.get_parameter(name), reference.get_parameter(name))


def test_all_factors_have_comparable_totals():
    """Sec. IV-B: almost identical model complexity, here within 7%."""
    totals = [parameters(decoder(factor=factor)) for factor in FACTORS]
    assert max(totals) / min(totals) < 1.07


@pytest.mark.parametrize("factor", [2, 4])
def test_sub_images_are_equal_before_training(factor):
    """The F^2 kernels of a channel start alike, so each block of F x F pixels starts as one value."""
    network = decoder({"a": (3, 32, 32)}, factor=factor)
    kernels = network.last.weight.unflatten(0, (3, factor**2))
    assert torch.equal(kernels, kernels[:, :1].expand_as(kernels))
    assert not torch.equal(kernels[0], kernels[1])
    sub_images = unstitch(network(torch.randn(2, 128)), factor).unflatten(1, (3, factor**2))
    torch.testing.assert_close(sub_images, sub_images[:, :, :1].expand_as(sub_images))


def test_sub_images_differ_after_one_step():
    """Equal kernels get different gradients, so training tells the sub-images apart."""
    network = decoder({"a": (1, 16, 16)})
    (network(torch.randn(2, 128)) - torch.randn(2, 1, 16, 16)).square().mean().backward()
    gradients = network.last.weight.grad
    assert not torch.allclose(gradients[0], gradients[1])


@pytest.mark.parametrize("shape", [(1, 48), (2, 16, 32), (1, 8, 16, 8), (5, 24, 24)])
@pytest.mark.parametrize("factor", [1, 2])
def test_decoder_makes_any_rank_and_proportion(shape, factor):
    """One, two and three dimensions, sides of different lengths, any number of channels."""
    start = 3 if 24 in shape or 48 in shape else 2
    assert not problems({"a": shape}, factor=factor, start=start)
    network = decoder({"a": shape}, factor=factor, start=start, width=2)
    assert network(torch.randn(2, 128)).shape == (2, *shape)


def test_modalities_made_together_share_one_image():
    """Several modalities at one end leave concatenated along channels."""
    network = decoder({"adc": (1, 16, 16), "dce": (3, 16, 16)}, width=4)
    assert network(torch.randn(2, 128)).shape == (2, 4, 16, 16)


@pytest.mark.parametrize("shape", [(1, 32), (2, 16, 32), (1, 8, 16, 8)])
@pytest.mark.parametrize("base", [1, 2])
def test_base_adds_an_image_linear_in_the_latent_before_tanh(shape, base):
    """image = tanh(stitch(sub-images) + enlarged(A z)), with A z of 1 / base of each side."""
    network = decoder({"a": shape}, base=base, width=2).double()
    with torch.no_grad():
        network.base[0].weight.normal_(std=0.01)
    one, other = torch.randn(2, 3, 128, dtype=torch.float64)
    added = {}
    for name, latent in {"one": one, "other": other, "sum": one + other}.items():
        added[name] = network(latent).atanh() - network.stitch(
            network.last(network.blocks(network.map(network.first(latent))))
        )
    torch.testing.assert_close(added["one"] + added["other"], added["sum"])
    if base == 1:
        torch.testing.assert_close(added["one"].flatten(1), one @ network.base[0].weight.T)
    assert network.base[0].out_features * base ** (len(shape) - 1) == torch.Size(shape).numel()


@pytest.mark.parametrize("shape", [(1, 32), (2, 16, 32), (1, 8, 16, 8)])
def test_base_enlarges_a_flat_image_to_a_flat_image(shape):
    """Enlarging interpolates, so it neither brightens nor leaves a grid."""
    network = decoder({"a": shape}, base=4, width=2)
    torch.nn.init.constant_(network.base[0].weight, 0.01)
    latent = torch.randn(3, 128)
    flat = 0.01 * latent.sum(dim=1).reshape(3, *[1] * len(shape))
    torch.testing.assert_close(network.base(latent), flat.expand(3, *shape))


def test_base_changes_nothing_before_training_and_learns_from_the_first_step():
    """Decoders with and without it start as one function; its weights are zero, their gradients are not."""
    latent = torch.randn(2, 128)
    network = decoder(base=2)
    assert torch.equal(network(latent), decoder()(latent))
    network(latent).square().sum().backward()
    assert network.base[0].weight.grad.abs().max() > 0


def test_base_that_does_not_divide_is_a_problem_that_lists_those_that_do():
    """The message says what is accepted at this size."""
    assert problems({"a": (1, 16, 48)}, factor=1, base=3, start=2) == [
        ("base", "3 does not divide 16 x 48; accepted: 1, 2, 4, 8, 16")
    ]
    assert not problems(ADC, base=2)


@pytest.mark.parametrize("base", [0, 2])
def test_decoder_works_in_float64_and_under_autocast(base):
    """Nothing in the decoder has a fixed dtype."""
    network = decoder({"a": (1, 16, 16)}, width=4, base=base)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(torch.randn(2, 128)).isfinite().all()
    assert network.double()(torch.randn(2, 128).double()).dtype == torch.float64


@settings(max_examples=200)
@given(st.integers(1, 80), st.integers(1, 20), st.integers(1, 4))
def test_check_accepts_exactly_what_equation_7_can_stitch(side, factor, start):
    """A square fits when its side is start * F * 2^k, k >= 1."""
    fits = side in {start * factor * 2**k for k in range(1, 8)}
    assert (problems({"a": (1, side, side)}, factor=factor, start=start) == []) == fits


def test_factor_that_does_not_divide_is_a_problem_that_lists_those_that_do():
    """The message says what is accepted at this size."""
    ((place, message),) = problems(ADC, factor=3)
    assert place == "factor"
    assert "3 does not fit 64 x 64" in message
    assert message.endswith("accepted with start = 2: 1, 2, 4, 8, 16")


def test_size_that_needs_another_start_is_a_problem_that_names_it():
    """48 = 3 * 2^4 cannot grow from 2 pixels, but from 3."""
    ((place, message),) = problems({"a": (1, 64, 48)})
    assert place == "factor"
    assert message.endswith("accepted with start = 3: 1, 2, 4, 8")


def test_size_that_nothing_fits_is_said_to_be_so():
    """No block can double anything to 7 pixels."""
    ((_, message),) = problems({"a": (1, 7, 7)})
    assert message.endswith("nothing; change the size")


def test_decoder_reads_a_latent_and_makes_an_image():
    """Other ends of the edge are problems, not crashes."""
    assert ("use", "makes images from a latent (Z), not from 1 x 64 x 64") in problems(ADC, source=ADC)
    assert ("use", "makes images with 1 to 3 spatial dimensions, not 0") in problems({"latent": (128,)})
    assert problems({"score": ()})


def test_spec_and_plugin_import_no_torch():
    """Checking a recipe must not load torch."""
    code = (
        "import sys, gankit_stitch; from gankit_stitch import StitchDecoder;"
        "assert not list(StitchDecoder().check({'latent': (8,)}, {'a': (1, 64, 64)}));"
        "assert 'torch' not in sys.modules; gankit_stitch.stitch; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
