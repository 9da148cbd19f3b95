"""Checks that plugin authors run on their own components. The components that gankit ships pass the same checks.

    from gankit.testing import check_adversarial_loss, check_network

    def test_my_generator():
        check_network(MyGenerator(width=8), {"latent": (16,)}, {"adc": (1, 32, 32)})

    def test_my_loss():
        check_adversarial_loss(MyLoss(on=("adc",), critic="c", against="cs"))

Each check raises AssertionError with one line that names the component and the promise that it breaks.
"""

from gankit.testing._augmentations import check_augmentation
from gankit.testing._cohorts import check_cohort_source
from gankit.testing._formats import check_export_format
from gankit.testing._losses import check_adversarial_loss, check_feature_loss, check_paired_loss
from gankit.testing._metrics import check_metric
from gankit.testing._networks import check_network
from gankit.testing._optimizers import check_optimizer, check_schedule
from gankit.testing._phases import check_phase
from gankit.testing._samplers import check_sampler

__all__ = [
    "check_adversarial_loss",
    "check_augmentation",
    "check_cohort_source",
    "check_export_format",
    "check_feature_loss",
    "check_metric",
    "check_network",
    "check_optimizer",
    "check_paired_loss",
    "check_phase",
    "check_sampler",
    "check_schedule",
]
