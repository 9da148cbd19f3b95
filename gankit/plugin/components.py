"""The abstract kinds of component.

A component is a frozen attrs class whose fields are its recipe keys (see ``option``). It is a *spec*: it can be
checked, printed and hashed without torch, and ``build`` returns the module or callable that does the work.
Every class is abstract or final: to change one method of a component, wrap it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import attrs

from gankit._errors import Problem
from gankit._shapes import Shapes
from gankit.plugin.options import option

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from gankit.cohort.cohort import Cohort
    from gankit.evaluation.evaluation import Candidate, Evaluation
    from gankit.evaluation.results import Reading
    from gankit.networks.synthesizer import Networks
    from gankit.recipe.recipe import Recipe
    from gankit.training.batch import BatchSource


@attrs.frozen(kw_only=True)
class Component(ABC):
    """Base of every kind. ``use`` in a recipe names the component; its other keys are the fields."""

    kind: ClassVar[str]

    def options(self) -> dict[str, Any]:
        """The component's own field values by field name, not converted."""
        return attrs.asdict(self, recurse=False)


# Networks -------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AbstractNetwork(Component):
    """A network: ``build`` returns a module that maps one tensor to one tensor.

    ``source`` and ``target`` give the shapes without batch at the two ends, by place. A place is ``"latent"``
    with shape (Z,), ``"score"`` with shape (), or a modality with shape (C, *S). Several modalities at one end
    arrive, and leave, concatenated along channels in the order of the mapping.
    """

    @property
    def mixes_samples(self) -> bool:
        """Whether one sample's output depends on the others of its batch, as with BatchNorm."""
        return False

    @property
    def couples_places(self) -> bool:
        """Whether it reads several places, one at a time, through layers of their own and layers that they share.

        Its ``source`` then holds every place that it reads, and its module is called as ``module(x, place)``.
        """
        return False

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        """Yield what makes these shapes impossible; ``Problem.place`` is the option at fault."""
        yield from ()

    @abstractmethod
    def build(self, source: Shapes, target: Shapes) -> Module:
        """Return the module, float32, with freshly drawn weights from torch's global generator."""


@attrs.frozen(kw_only=True)
class AbstractEncoder(AbstractNetwork):
    """Image (B, C, *S) to latent (B, Z)."""

    kind: ClassVar[str] = "encoder"


@attrs.frozen(kw_only=True)
class AbstractGenerator(AbstractNetwork):
    """Latent (B, Z) to modalities (B, C, *S) in [-1, 1]."""

    kind: ClassVar[str] = "generator"


@attrs.frozen(kw_only=True)
class AbstractTranslator(AbstractNetwork):
    """Modalities (B, C, *S) in [-1, 1] to modalities (B, C', *S) in [-1, 1]."""

    kind: ClassVar[str] = "translator"


@attrs.frozen(kw_only=True)
class AbstractDiscriminator(AbstractNetwork):
    """A place (B, ...) to one unbounded score per sample (B,); read as a logit where a loss wants a probability."""

    kind: ClassVar[str] = "discriminator"


# Losses ---------------------------------------------------------------------------------------------------

PairedLoss = Callable[["Tensor", "Tensor"], "Tensor"]
"""(candidate (B, ...), reference (B, ...)) -> one loss per sample (B,)."""


class AdversarialLoss(Protocol):
    """The two questions an adversarial loss answers. Both answers are scalars to minimise."""

    def critic(
        self, critic: Callable[[Tensor], Tensor], reference: Tensor, candidate: Tensor, mixing_B: Tensor
    ) -> Tensor:
        """What the critic minimises.

        Args:
            critic: maps (B, ...) to scores (B,).
            reference: samples from the pool or the prior, (B, ...).
            candidate: samples from the player, (B, ...), without graph. May be more than the references
                where the term has ``alongside``.
            mixing_B: uniform draws in [0, 1), one per reference, for losses that need randomness.
        """
        ...

    def player(self, critic: Callable[[Tensor], Tensor], candidate: Tensor) -> Tensor:
        """What the player minimises; the critic's weights are frozen, the candidate (B, ...) carries the graph."""
        ...


@attrs.frozen(kw_only=True)
class AbstractLoss(Component):
    """A term: one loss on one place of the graph, with a weight. The spec *is* the term."""

    kind: ClassVar[str] = "loss"

    on: tuple[str, ...] = option(help="place of the graph: a modality, several modalities taken together, or 'latent'")
    weight: float = option(1.0, ge=0, help="multiplies what the player minimises")
    name: str = option("", help="how a variant addresses this term; default: loss and place, as in 'l2-adc'")


@attrs.frozen(kw_only=True)
class AbstractPairedLoss(AbstractLoss):
    """A loss that compares a candidate with its own reference."""

    @abstractmethod
    def build(self) -> PairedLoss:
        """Return the function of (candidate, reference) that gives one loss per sample."""


@attrs.frozen(kw_only=True)
class AbstractAdversarialLoss(AbstractLoss):
    """A loss between the player and a critic. Whether the player approaches the reference or is driven away from
    it is part of the loss."""

    critic: str = option(help="the discriminator that this term trains")
    against: str | None = option(
        None, help="pool of real slices that the critic compares with; on 'latent' it is the prior"
    )
    alongside: str | None = option(
        None, help="pool of real slices shown to the critic on the candidates' side; an extension of ours"
    )

    estimates_distance: ClassVar[bool] = False
    """Whether the critic's objective is minus an estimate of how far candidates are from the reference, less a
    penalty, so that minus the objective is worth a curve."""

    approaches: ClassVar[bool] = True
    """Whether the player is drawn to the reference, so that its samples get the label of that pool."""

    accepts_alongside: ClassVar[bool] = False
    """Whether the critic's objective is defined for more candidates than references."""

    @property
    def penalises_gradient(self) -> bool:
        """Whether the critic's objective differentiates the critic by its input, sample by sample."""
        return False

    @abstractmethod
    def build(self) -> AdversarialLoss:
        """Return the object that answers the two questions."""


# Phases ---------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class NetworkUse:
    """A network that a phase runs beside the graph, with the places at its two ends."""

    network: str
    """Name of the network in the recipe."""
    from_: tuple[str, ...]
    """Places that it reads, taken together along channels."""
    to: tuple[str, ...]
    """Places that it makes, along channels in this order."""


@attrs.frozen(kw_only=True, eq=False)
class Inputs:
    """What a phase has drawn for one set of candidates.

    Letters: B the slices of this process, N those of all processes together; with one process B is N.
    """

    values: Mapping[str, Tensor]
    """Place to what is drawn there, (B, ...)."""
    presence: Mapping[str, Tensor] = attrs.field(factory=dict)
    """Place to (N,), 1 where the slice has the modality and 0 where it lacks it. A paired loss on several places counts
    a slice where it has all of them. A place that is not named here is present in every slice."""
    references: Mapping[str, Tensor] = attrs.field(factory=dict)
    """Place to the reference of each candidate there, (B, ...), for paired losses."""


@attrs.frozen(kw_only=True)
class AbstractPhase(Component):
    """A phase draws a batch, makes candidates, sums terms and updates the networks it names.

    One step of a phase is ``critic_steps`` updates of the critics of its adversarial terms, then one update of its
    players. Each step draws ``critic_steps`` sets of inputs; the last set serves the critics' last update and
    the players' update, so its candidates are computed once. Without adversarial terms there is one set.

    A phase says with ``uses``, ``pools``, ``places``, ``counterparts``, ``references`` and ``players`` which parts of
    the recipe it needs; gankit reads its options for nothing else. These are asked while the recipe is checked,
    ``uses``, ``pools``, ``places`` and ``counterparts`` before the modality graph is known to be one that runs.
    """

    kind: ClassVar[str] = "phase"

    name: str = option("", help="how a variant addresses this phase; default: the name of the component")
    terms: tuple[AbstractLoss, ...] = option(help="the losses that this phase sums")
    every: int = option(1, ge=1, help="run on every n-th training step")
    start: int = option(0, ge=0, help="first training step on which the phase runs")
    stop: int | None = option(None, ge=1, help="training step before which the phase ends; default: never")
    critic_steps: int = option(1, ge=1, help="updates of the critics for each update of the players")
    learning_rate: float = option(2e-4, gt=0, help="Adam step size of the players")
    betas: tuple[float, float] = option((0.5, 0.99), ge=0, lt=1, help="Adam decay rates of the players")
    critic_learning_rate: float = option(2e-4, gt=0, help="Adam step size of the critics")
    critic_betas: tuple[float, float] = option((0.5, 0.99), ge=0, lt=1, help="Adam decay rates of the critics")

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
        """Places where the phase makes candidates, so where its terms may be, with their shapes without batch.

        Beside ``"latent"`` and modalities a phase may have places of its own, such as ``"adc-cycled"``.
        """

    def counterparts(self, recipe: Recipe) -> Mapping[str, str]:
        """For places of the phase's own: the modality (or ``"latent"``) whose real slices (or prior) a critic there
        sees as references. A place of its own that is not named here takes no adversarial terms."""
        return {}

    def references(self, recipe: Recipe) -> tuple[str, ...]:
        """Places where each candidate has a reference of its own, so where paired losses may be."""
        return ()

    def uses(self, recipe: Recipe) -> Mapping[str, tuple[NetworkUse, ...]]:
        """Option key to the places where the network that the option names runs beside the graph.

        The kind of network follows from the ends: a generator reads ``"latent"``, an encoder makes it, and a translator
        does neither. A problem with a use is reported at its key.
        """
        return {}

    def pools(self) -> Mapping[str, str]:
        """Option key to the pool of real slices that the option names, for every pool that ``inputs`` draws from.

        What the phase trains to make approaches these slices, so synthetic slices get the label of the pool.
        """
        return {}

    def check(self, recipe: Recipe) -> Iterator[Problem]:
        """Yield what is wrong with the phase's own keys in this recipe."""
        yield from ()

    @abstractmethod
    def inputs(self, source: BatchSource) -> Inputs:
        """Draw one set of inputs, all that is random in the candidates; runs before the step.

        Every random number comes from ``source``, which gives the same numbers whatever the number of processes.
        """

    @abstractmethod
    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        """Make candidates (B, ...) from one set of inputs, at least at the places that terms are on.

        Draws nothing and writes into no input.
        """


# Cohorts --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AbstractCohortSource(Component):
    """Where a recipe's slices come from."""

    kind: ClassVar[str] = "cohort"

    @abstractmethod
    def load(self) -> Cohort:
        """Read or draw the cohort: the same every time, without drawing from a global random generator.

        Raises:
            CohortError: it cannot be read; the message says what to do.
        """

    def fresh(self) -> Cohort | None:
        """A cohort of further patients that no training sees, for judging what was trained; None where there is none.
        It has the modalities, sizes and labels of ``load``, and no patient of it.

        Its test split serves as a large test, its train split as real slices to set beside synthetic ones.
        """
        return None


# Metrics --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AbstractMetric(Component):
    """A measure of candidates against real slices."""

    kind: ClassVar[str] = "metric"

    @abstractmethod
    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        """Return the metric's readings of one candidate; the same arguments give the same readings, whose intervals
        hold their values. Nothing is drawn from a global random generator, and no array of the arguments is changed.

        What cannot be measured here (no ground truth, no model, too few slices, weights that are absent) is a
        reading without value, whose note says why.
        """

    def files(self) -> tuple[Path, ...]:
        """Files beside the cohorts that the readings depend on, such as weights that the environment names.

        They must be there before any work begins, and readings are made anew where other files are named.
        """
        return ()


KINDS: dict[str, type[Component]] = {
    kind.kind: kind
    for kind in (
        AbstractEncoder,
        AbstractGenerator,
        AbstractTranslator,
        AbstractDiscriminator,
        AbstractLoss,
        AbstractPhase,
        AbstractCohortSource,
        AbstractMetric,
    )
}
"""Every kind a plugin may register under, in the order they are listed to people."""
