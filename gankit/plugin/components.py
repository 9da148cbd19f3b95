"""The abstract kinds of component.

A component is a frozen attrs class whose fields are its recipe keys (see ``option``). It is a *spec*: it can be
checked, printed and hashed without torch, and its ``build`` returns the module or callable that does the work.
Every class is abstract or final. To change one method of a component, wrap the component; do not derive from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import attrs

from gankit._errors import Problem
from gankit._shapes import Shape, Shapes
from gankit.plugin.curves import ReadingCurve
from gankit.plugin.options import option

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Module, Parameter

    from gankit.cohort.cohort import Cohort
    from gankit.evaluation.evaluation import Candidate, Evaluation
    from gankit.evaluation.results import Reading
    from gankit.networks.synthesizer import Networks
    from gankit.recipe.recipe import Recipe
    from gankit.training.batch import BatchSource


@attrs.frozen(kw_only=True)
class Component(ABC):
    """Base of every kind. In a recipe, ``use`` names the component, and the other keys are its fields."""

    kind: ClassVar[str]
    """Name of the kind, one of ``KIND_NAMES``."""

    def options(self) -> dict[str, Any]:
        """Field name to value; values that are attrs objects stay objects."""
        return attrs.asdict(self, recurse=False)


# Networks -------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AbstractNetwork(Component):
    """A network: ``build`` returns a module that maps one tensor to one tensor.

    ``source`` and ``target`` map the places at the two ends to their shapes, without batch. A place is ``"latent"`` or
    a label with shape (Z,), ``"score"`` with shape (), or a modality or image of noise with shape (C, *S). Several
    places at one end are concatenated along dimension 1, in the order of the mapping; beside images, vectors become
    constant maps. A network that ``reads_apart`` gets a tensor for each place instead.
    """

    @property
    def mixes_samples(self) -> bool:
        """Whether one sample's output depends on the others of its batch, as with BatchNorm."""
        return False

    @property
    def reads_apart(self) -> bool:
        """Whether the module is called with one tensor for each place of ``source``, in its order.

        So a decoder can read a latent (B, Z) beside a mask (B, C, *S), and a critic an image beside a label (B, K).
        """
        return False

    @property
    def gives_features(self) -> bool:
        """Whether the module has a method ``features``, for losses that compare features.

        It takes what ``forward`` takes, and returns a sequence of tensors (B, ...), those of the first layers first.
        """
        return False

    @property
    def gives_velocity(self) -> bool:
        """Whether the module is a field through which samples flow from noise to images, and has a method ``velocity``.

        The first place of ``source`` is where samples start, and has the shape of the target. ``velocity(x, time,
        *rest)`` takes where samples are, (B, C, *S), the time of each, (B,), 0 at the noise and 1 at the images, and a
        tensor for each further place of ``source``. It returns the velocities there, (B, C, *S). ``forward`` follows
        them to the end.
        """
        return False

    @property
    def couples_places(self) -> bool:
        """Whether the network reads several places, one at a time: each through layers of its own, and all through
        layers that they share.

        ``source`` then has every place that the network reads, and the module is called as ``module(x, place)``.
        """
        return False

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        """Yield a problem for each option with which the network cannot have these shapes; its place is the option."""
        yield from ()

    @abstractmethod
    def build(self, source: Shapes, target: Shapes) -> Module:
        """Return the module on the CPU, float32, with new weights drawn from torch's global generator.

        gankit seeds the generator before the call and puts it back afterwards.

        A model that is saved has averaged weights. Floating-point buffers that the module changes in training mode are
        gathered anew for them: exactly those of ``gankit.BatchNorm`` and ``torch.nn.BatchNorm*d``, others by running
        the module in training mode, from the buffers that it has, on batches of the phases. Other buffers are kept.
        """


@attrs.frozen(kw_only=True)
class AbstractEncoder(AbstractNetwork):
    """A network from modalities (B, C, *S) in [-1, 1] to latents (B, Z), whose prior is a standard normal."""

    kind: ClassVar[str] = "encoder"


@attrs.frozen(kw_only=True)
class AbstractGenerator(AbstractNetwork):
    """A network from latents (B, Z) to modalities (B, C, *S) in [-1, 1]."""

    kind: ClassVar[str] = "generator"


@attrs.frozen(kw_only=True)
class AbstractTranslator(AbstractNetwork):
    """A network from modalities (B, C, *S) in [-1, 1] to other modalities (B, C', *S) in [-1, 1]."""

    kind: ClassVar[str] = "translator"


@attrs.frozen(kw_only=True)
class AbstractDiscriminator(AbstractNetwork):
    """A network from a place (B, ...) to one unbounded score per sample (B,), or to one for each of P patches, (B, P).

    A loss that needs a probability takes a score as a logit. A sample's score is the mean of those of its patches.
    """

    kind: ClassVar[str] = "discriminator"

    @property
    def draws(self) -> Mapping[str, Draw]:
        """The random numbers by which it judges, such as where it looks: name to what is drawn, once for all samples.

        In training its module is called with one more argument, ``draws``: name to a tensor (*shape) without batch.
        ``features`` is too. All calls within one question of a term have the same numbers, so that the slope of the
        score is that of one function; each question and each update has others. Elsewhere, as where a trained critic
        scores slices, the module is called without ``draws``.
        """
        return {}


# Samplers -------------------------------------------------------------------------------------------------

Velocity = Callable[["Tensor", "Tensor"], "Tensor"]
"""A function of where samples are, (B, C, *S), and of the time of each, (B,), that returns velocities (B, C, *S)."""

Sampler = Callable[[Velocity, "Tensor"], "Tensor"]
"""A function of a field of velocities and of the start at time 0, (B, C, *S), that returns the end at time 1."""


@attrs.frozen(kw_only=True)
class AbstractSampler(Component):
    """How samples follow a field of velocities: it solves ``dx/dt = velocity(x, t)`` from time 0 to time 1.

    Networks that give velocities have it as an option. It draws nothing: what is random in a sample is its start.
    """

    kind: ClassVar[str] = "sampler"

    steps: int = option(16, ge=1, le=10_000, help="equal steps from time 0 to time 1")

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """How often it asks for velocities to make a sample."""

    @abstractmethod
    def build(self) -> Sampler:
        """Return the function of velocities and start.

        It asks for velocities at times in [0, 1], treats each sample alike, and can be differentiated.
        """


# Draws ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Draw:
    """Random numbers that a component needs, one tensor (B, *shape) for B samples, or (*shape) for a discriminator.
    gankit draws them with the batch."""

    distribution: Literal["uniform", "normal"] = attrs.field(
        default="uniform", validator=attrs.validators.in_(("uniform", "normal"))
    )
    """Uniform in [0, 1), or standard normal."""
    shape: Shape | None = ()
    """Shape without batch; None: the shape of a sample."""


# Augmentations --------------------------------------------------------------------------------------------

Augmentation = Callable[["Tensor", Mapping[str, "Tensor"]], "Tensor"]
"""A function of images (B, C, *S) and of the draws by name, (B, ...), that returns images of the same shape."""


@attrs.frozen(kw_only=True)
class AbstractAugmentation(Component):
    """A random change of the images that a critic sees, so that few real slices last longer.

    It is applied alike to references and to candidates, in both questions, so that players are never rewarded for
    images that look augmented (Zhao et al. 2020, arXiv:2006.10738; Karras et al. 2020, arXiv:2006.06676). All images of
    a term are changed together, (B, C, *S) in [-1, 1]; what it does to one channel it does to all.
    """

    kind: ClassVar[str] = "augmentation"

    probability: float = option(
        0.5, ge=0, le=1, help="share of the samples that it changes; below 1, what it does does not leak into samples"
    )

    @property
    def draws(self) -> Mapping[str, Draw]:
        """The random numbers that it needs for each sample: name to what is drawn. Which samples it changes is drawn
        by gankit."""
        return {}

    def check(self, source: Shapes) -> Iterator[Problem]:
        """Yield a problem for each option with which it cannot change these images; its place is the option."""
        yield from ()

    @abstractmethod
    def build(self) -> Augmentation:
        """Return the function of images and draws.

        It changes every sample, each by its own draws, and draws nothing. It can be differentiated twice by the images.
        No shape within it depends on the numbers, so that a step can be recorded.
        """


def augmentation_draws(augmentations: Iterable[AbstractAugmentation], prefix: str = "") -> dict[str, Draw]:
    """What augmentations draw when they are applied one after the other: name to draw.

    For losses with augmentations of their own, which apply them with ``gankit.Augmentations``.

    Args:
        augmentations: the augmentations, in their order.
        prefix: begin of every name; for a loss, one that makes each name a Python identifier.
    """
    draws: dict[str, Draw] = {}
    for number, spec in enumerate(augmentations):
        draws[f"{prefix}{number}"] = Draw()
        draws |= {f"{prefix}{number}_{name}": draw for name, draw in spec.draws.items()}
    return draws


@attrs.frozen(kw_only=True)
class Adapt:
    """An adaptive probability of augmentations (Karras et al. 2020, arXiv:2006.06676, Sec. 3)."""

    target: float = option(
        0.6, gt=0, lt=1, help="mean sign of the scores of real slices, above which probabilities rise"
    )
    images: int = option(100_000, ge=1, help="real slices shown while the probability goes from 0 to 1 at the fastest")


# Losses ---------------------------------------------------------------------------------------------------

RESERVED_DRAWS = ("slices", "latent", "mirror", "shift", "alongside", "player", "augment")
"""Names that no draw of a loss may have, since they are streams of its term already."""

PairedLoss = Callable[["Tensor", "Tensor"], "Tensor"]
"""A function of candidates (B, ...) and their references (B, ...) that returns one loss per sample (B,)."""


class Critic(Protocol):
    """The critic of a term, as its loss sees it. Where the term is on labels too, no gradient leads to them."""

    def __call__(self, x: Tensor, /) -> Tensor:
        """Samples (B, ...) to unbounded scores: (B,), or (B, P) from a critic that scores each of P patches."""
        ...

    def features(self, x: Tensor, /) -> Sequence[Tensor]:
        """Samples (B, ...) to features (B, ...), those of the first layers first.

        A loss that calls it sets ``needs_features``.
        """
        ...


class AdversarialLoss(Protocol):
    """The two functions of an adversarial loss. Both return a scalar () to minimise, a mean over samples.

    A loss whose ``trains_critic`` or ``moves_players`` is False needs the other function only. A loss with a state is a
    ``torch.nn.Module`` whose buffers hold it: checkpoints have them, and they must be the same in every process, as
    ``gankit.mean_over_ranks`` of what a process sees is.

    Arguments of both:
        critic: maps samples (B, ...) to scores; its weights are frozen in the player's question.
        reference: samples of the pool ``against``, or of the prior on ``"latent"``, (B, ...).
        candidate: samples of the player, (B, ...).
        draws: name to random numbers, for what ``draws`` of the component declares. Each question has its own.
    """

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """What the critic minimises.

        ``candidate`` is without graph. Where the term has ``alongside``, real slices of that pool follow the samples of
        the player, and there are more candidates than references.
        """
        ...

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """What the player minimises. ``candidate`` is with graph."""
        ...


@attrs.frozen(kw_only=True)
class AbstractLoss(Component):
    """A loss. Its spec is a term of a phase: the loss on one place of the graph, with a weight."""

    kind: ClassVar[str] = "loss"

    on: tuple[str, ...] = option(help="place of the graph: a modality, several modalities taken together, or 'latent'")
    weight: float = option(
        1.0, ge=0, help="multiplies what the player minimises, or what the critic minimises if the loss is its alone"
    )
    name: str = option("", help="how a variant addresses this term; default: loss and place, as in 'l2-adc'")


@attrs.frozen(kw_only=True)
class AbstractPairedLoss(AbstractLoss):
    """A loss that compares each candidate with its own reference, as in reconstruction.

    A loss with a state is a ``torch.nn.Module``; see ``AdversarialLoss``.
    """

    @abstractmethod
    def build(self) -> PairedLoss:
        """Return the function of candidates and references (B, ...) that gives one loss per sample (B,)."""


FeatureLoss = Callable[[Sequence["Tensor"], Sequence["Tensor"]], "Tensor"]
"""A function of the features of candidates, each (B, ...), and those of their references that returns one loss per
sample (B,)."""


@attrs.frozen(kw_only=True)
class AbstractFeatureLoss(AbstractLoss):
    """A loss that compares features of each candidate with those of its own reference.

    The features are those of a network of the recipe that gives some. It stays as it is while the players move: another
    phase trains it, or its own phase trains it as a critic, or nothing does and it keeps the weights that it was built
    with. A loss with a state is a ``torch.nn.Module``; see ``AdversarialLoss``.
    """

    network: str = option(help="the network whose features are compared, such as a critic or an encoder")

    @abstractmethod
    def build(self) -> FeatureLoss:
        """Return the function of the features of candidates and of references, those of the first layers first.

        The features of references are without graph.
        """


@attrs.frozen(kw_only=True)
class AbstractAdversarialLoss(AbstractLoss):
    """A loss between players and a critic, which compares candidates with references as two sets.

    The loss also says whether the players approach the references or are driven away from them (``approaches``).
    """

    critic: str = option(help="the discriminator that judges candidates here")
    against: str | None = option(
        None, help="pool of real slices that the critic compares with; on 'latent' it is the prior"
    )
    alongside: str | None = option(
        None, help="pool of real slices shown to the critic on the candidates' side; an extension of ours"
    )

    augment: tuple[AbstractAugmentation, ...] | None = option(
        None, help="augmentations of what the critic sees, as in [{ use = 'translation' }]; default: none"
    )
    adapt: Adapt | None = option(
        None,
        help="adapt the probability of the augmentations, which multiplies that of each, as in { target = 0.6 };"
        " default: fixed",
    )

    estimates_distance: ClassVar[bool] = False
    """Whether the critic's objective without its penalty is minus an estimate of the distance between candidates and
    references, as for a Wasserstein critic. Reports then draw minus the objective as a curve."""

    holds_slope: ClassVar[float | None] = None
    """The norm that the critic's gradient by its input should have between references and candidates, for what the loss
    says to hold: 1 for a Wasserstein critic. Training measures it, and says so where it is far off. None: any."""

    approaches: ClassVar[bool] = True
    """Whether the player is drawn to the references. Its samples then get the label of the pool ``against``."""

    accepts_alongside: ClassVar[bool] = False
    """Whether the critic's objective is defined for more candidates than references."""

    trains_critic: ClassVar[bool] = True
    """Whether the loss answers the critic's question. Without it, as in matching features, other terms must train the
    critic."""

    moves_players: ClassVar[bool] = True
    """Whether the loss answers the player's question. Without it, it is a regulariser of the critic, and ``weight``
    multiplies what the critic minimises."""

    scores_have_sign: ClassVar[bool] = False
    """Whether the critic tells real from synthetic by the sign of its scores, real ones being above zero."""

    needs_features: ClassVar[bool] = False
    """Whether the loss calls ``critic.features``."""

    @property
    def draws(self) -> Mapping[str, Draw]:
        """The random numbers that the loss needs: name to what is drawn, one entry for each reference.

        A name is a Python identifier, and none of ``RESERVED_DRAWS``.
        """
        return {}

    @property
    def penalises_gradient(self) -> bool:
        """Whether the critic's objective has the derivative of the critic by its input, sample by sample."""
        return False

    @abstractmethod
    def build(self) -> AdversarialLoss:
        """Return an object with the two functions of the loss."""


# Optimizers -----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AbstractSchedule(Component):
    """How the rate of an optimizer changes over a training: the rate of a step is ``learning_rate * factor``."""

    kind: ClassVar[str] = "schedule"

    def check(self, steps: int) -> Iterator[Problem]:
        """Yield a problem for each option that does not fit a training of so many steps; its place is the option."""
        yield from ()

    @abstractmethod
    def factor(self, step: int, steps: int) -> float:
        """What multiplies ``learning_rate`` in one training step: a finite number of at least 0.

        It depends on its arguments alone, so that a run that was interrupted goes on with the same rates.

        Args:
            step: the training step, counted from 0.
            steps: training steps of the recipe, ``training.steps``.
        """


@attrs.frozen(kw_only=True)
class AbstractOptimizer(Component):
    """The rule by which gradients move weights. Phases name it, for their players or for their critics.

    Phases that name one optimizer share it: a weight that they move has one state, such as its moments. An update in a
    phase moves the networks of that phase alone. Players and critics never share a state.

    gankit sets the rate before each training step, and clips gradients: where the norm of all gradients of an update
    together, ``|g|``, the mean over processes, is larger than ``clip_norm``, it multiplies them by ``clip_norm / |g|``
    (Pascanu et al. 2013, arXiv:1211.5063, Algorithm 1).
    """

    kind: ClassVar[str] = "optimizer"

    learning_rate: float = option(2e-4, gt=0, help="step size, before the schedule")
    schedule: AbstractSchedule | None = option(
        None, help="how the step size changes over the training, a table with 'use'; default: it does not"
    )
    clip_norm: float | None = option(
        None, gt=0, help="largest norm of all gradients of an update together; default: any"
    )

    def check(self) -> Iterator[Problem]:
        """Yield a problem for each option that does not fit the others; its place is the option."""
        yield from ()

    @abstractmethod
    def build(
        self, parameters: Sequence[Parameter], learning_rate: float | Tensor, capturable: bool
    ) -> torch.optim.Optimizer:
        """Return the optimizer of these parameters, with ``learning_rate`` as the rate ``lr`` of all its groups.

        Its ``step()`` uses nothing but weights, gradients, ``lr`` and the state of the parameters, and leaves alone a
        parameter without gradient. The state of a parameter, ``optimizer.state[parameter]``, is a dictionary of
        tensors with names that do not change, and a checkpoint holds all of them. Either ``build`` fills it, or the
        first step makes it: then gankit runs a step with zero gradients at rate 0 before training, and every tensor
        of the state begins at 0.

        Args:
            parameters: the weights, on their device. The same optimizer may be built twice, for players and critics.
            learning_rate: the rate of the first step; where ``capturable``, a tensor () on the device of the weights.
            capturable: whether ``step()`` may be recorded as a CUDA graph and replayed, each time with another rate in
                the tensor. Then it must read nothing back from the device, and keep its state there. Optimizers of
                torch take ``capturable`` or ``fused`` for this.
        """


# Phases ---------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class NetworkUse:
    """A network that a phase runs beside the graph, with the places at its two ends."""

    network: str
    """Name of the network in the recipe."""
    from_: tuple[str, ...]
    """Places that it reads, taken together along channels."""
    to: tuple[str, ...]
    """Places that it makes, in the order of their channels."""


@attrs.frozen(kw_only=True, eq=False)
class Inputs:
    """What a phase has drawn for one set of candidates.

    Letters: B the slices of this process, N those of all processes together; with one process B is N.
    """

    values: Mapping[str, Tensor]
    """Place to what is drawn there, (B, ...)."""
    presence: Mapping[str, Tensor] = attrs.field(factory=dict)
    """Place to (N,): 1 where the slice has the modality, 0 where it lacks it. A paired loss on several places counts
    the slices that have all of them. A place that is not named here is present in every slice."""
    references: Mapping[str, Tensor] = attrs.field(factory=dict)
    """Place to the reference of each candidate there, (B, ...), for paired losses."""


@attrs.frozen(kw_only=True)
class AbstractPhase(Component):
    """A phase of a training step. It draws inputs, makes candidates, sums its terms and updates networks.

    One step of a phase is ``critic_steps`` updates of the critics of its adversarial terms, then one update of its
    players. Each update of the critics has a set of inputs of its own. The players' update takes the last set, whose
    candidates are computed once for both. A phase without adversarial terms draws one set.

    The methods ``uses``, ``pools``, ``places``, ``counterparts``, ``references`` and ``players`` say which parts of the
    recipe the phase needs; gankit does not guess them from the options. They are called while the recipe is checked.
    ``uses``, ``pools``, ``places`` and ``counterparts`` are called before the modality graph is checked, so the graph
    may have a circle then.
    """

    kind: ClassVar[str] = "phase"

    name: str = option("", help="how a variant addresses this phase; default: the name of the component")
    terms: tuple[AbstractLoss, ...] = option(help="the losses that this phase sums")
    every: int = option(1, ge=1, help="run on every n-th training step")
    start: int = option(0, ge=0, help="first training step on which the phase runs")
    stop: int | None = option(None, ge=1, help="training step before which the phase ends; default: never")
    critic_steps: int = option(1, ge=1, le=1_000, help="updates of the critics for each update of the players")
    optimizer: str | None = option(
        None, help="name in 'optimizers' of the optimizer of the players; default: an Adam of the phase's own"
    )
    critic_optimizer: str | None = option(
        None, help="name in 'optimizers' of the optimizer of the critics; default: an Adam of the phase's own"
    )
    learning_rate: float | None = option(
        2e-4, gt=0, unless="optimizer", help="Adam step size of the players; not beside 'optimizer'"
    )
    betas: tuple[float, float] | None = option(
        (0.5, 0.99), ge=0, lt=1, unless="optimizer", help="Adam decay rates of the players; not beside 'optimizer'"
    )
    critic_learning_rate: float | None = option(
        2e-4, gt=0, unless="critic_optimizer", help="Adam step size of the critics; not beside 'critic_optimizer'"
    )
    critic_betas: tuple[float, float] | None = option(
        (0.5, 0.99),
        ge=0,
        lt=1,
        unless="critic_optimizer",
        help="Adam decay rates of the critics; not beside 'critic_optimizer'",
    )

    def due(self, step: int) -> bool:
        """Whether the phase runs on this training step, counted from 0."""
        return step >= self.start and (self.stop is None or step < self.stop) and (step - self.start) % self.every == 0

    def judged(self) -> set[str]:
        """Places that the phase's terms are on."""
        return {place for term in self.terms for place in term.on}

    @abstractmethod
    def players(self, recipe: Recipe) -> tuple[str, ...]:
        """Names of the networks that the phase's player update moves."""

    @abstractmethod
    def places(self, recipe: Recipe) -> Shapes:
        """Places where the phase makes candidates, with their shapes without batch. Its terms may be on these alone.

        Besides ``"latent"`` and modalities, a phase may have places of its own, such as ``"adc-cycled"``.
        """

    def counterparts(self, recipe: Recipe) -> Mapping[str, str]:
        """Place of the phase's own to the modality whose real slices a critic there sees as references.

        ``"latent"`` in place of a modality means draws of the prior. A place of the phase's own that is not named here
        can have no adversarial term.
        """
        return {}

    def references(self, recipe: Recipe) -> tuple[str, ...]:
        """Places where each candidate has a reference of its own. Paired losses may be on these alone."""
        return ()

    def uses(self, recipe: Recipe) -> Mapping[str, tuple[NetworkUse, ...]]:
        """The networks that the phase runs beside the graph: option key to each use of the network that it names.

        The places at the two ends say which kind of network is needed: a generator reads ``"latent"``, an encoder makes
        it, a translator does neither. A problem with a use is reported at its option key.
        """
        return {}

    def pools(self) -> Mapping[str, str]:
        """The pools that ``inputs`` draws real slices from: option key to the pool that it names.

        The phase trains its networks towards these slices, so synthetic slices get the label of the pool.
        """
        return {}

    def check(self, recipe: Recipe) -> Iterator[Problem]:
        """Yield a problem for each of the phase's own keys that is wrong in this recipe; its place is the key."""
        yield from ()

    @abstractmethod
    def inputs(self, source: BatchSource) -> Inputs:
        """Draw one set of inputs, with everything that is random in the candidates. Called before the step.

        Every random number comes from ``source``, which gives the same numbers whatever the number of processes.
        """

    @abstractmethod
    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        """Make candidates (B, ...) from one set of inputs: place to tensor, for every place that a term is on.

        It draws no random numbers and does not change its inputs. Where a term is on several places, some of them may
        have the tensors of ``inputs.values`` as they are, such as real images beside those that are made of them.
        """


# Cohorts --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AbstractCohortSource(Component):
    """Where a recipe's slices come from."""

    kind: ClassVar[str] = "cohort"

    def check(self, modalities: Shapes) -> Iterator[Problem]:
        """Yield a problem for each option with which the cohort cannot give these modalities of the recipe; its place
        is the option. It is called before ``load``, which is called without it too."""
        yield from ()

    @abstractmethod
    def load(self) -> Cohort:
        """Read or draw the cohort. Every call gives the same one and draws nothing from a global random generator.

        Raises:
            CohortError: the cohort cannot be read; the message says what to do.
        """

    def fresh(self) -> Cohort | None:
        """A cohort of further patients, which no training sees, for evaluation; None where the source has none.

        It has the modalities, sizes and labels of ``load``, and none of its patients. Its test split serves as a large
        test set, its train split as real slices to compare with synthetic ones.
        """
        return None


# Metrics --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AbstractMetric(Component):
    """A measure that compares candidates, a set of slices, with real slices."""

    kind: ClassVar[str] = "metric"

    headline: ClassVar[tuple[str, ...]] = ()
    """Names of the readings in the short table, where the user names none; default: the first that has a value."""

    audits: ClassVar[bool] = False
    """Whether the readings say what slices or networks betray of training patients. Cards show them first."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Lowest and highest value that readings can have, in their unit, by patterns of their names such as
    ``"*.accuracy"``; the first that fits counts. ``math.inf`` is an end that is open. Intervals stay within. Default:
    any value is possible."""

    aims: ClassVar[Mapping[str, float]] = {}
    """The value that real slices have by definition, by patterns of names, for readings that should be as on real
    slices but cannot be measured on slices alone. Default: what the row of real slices has."""

    by_default: ClassVar[bool] = True
    """Whether it is measured where the user names no metric. One that takes many minutes is measured when named."""

    tests_elsewhere: ClassVar[bool] = False
    """Whether it tests on ``Evaluation.external``, a cohort from elsewhere, where the user gives one."""

    curves: ClassVar[tuple[ReadingCurve, ...]] = ()
    """Pictures of its readings in reports."""

    def check(self, evaluation: Evaluation) -> Iterator[Problem]:
        """Yield a problem for each option with which these real slices cannot be judged; its place is the option.

        It is called before any work, so that the user can choose another value. ``measure`` is called without it too.
        """
        yield from ()

    @abstractmethod
    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        """Return the metric's readings of one candidate.

        The same arguments give the same readings. The interval of a reading has its value inside. The method draws
        nothing from a global random generator and changes no array of its arguments.

        A quantity that cannot be measured here (no ground truth, no model, too few slices, missing weights) is a
        reading without a value, whose note says why.
        """

    def files(self) -> tuple[Path, ...]:
        """Files that the readings depend on besides the cohorts, such as weights that the environment names.

        They must exist before any work begins. Where other files are named, the readings are made anew.
        """
        return ()


KINDS: dict[str, type[Component]] = {
    kind.kind: kind
    for kind in (
        AbstractEncoder,
        AbstractGenerator,
        AbstractTranslator,
        AbstractDiscriminator,
        AbstractSampler,
        AbstractLoss,
        AbstractAugmentation,
        AbstractPhase,
        AbstractOptimizer,
        AbstractSchedule,
        AbstractCohortSource,
        AbstractMetric,
    )
}
"""Kind to its abstract class, for every kind that a plugin may register, in the order in which people see them."""
