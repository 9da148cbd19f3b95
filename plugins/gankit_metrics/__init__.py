"""Metrics of synthetic slices against a real cohort."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("metric", "anatomy", "gankit_metrics.anatomy:Anatomy")
    registry.add("metric", "critic-membership", "gankit_metrics.membership:CriticMembership")
    registry.add("metric", "diversity", "gankit_metrics.features:Diversity")
    registry.add("metric", "frechet", "gankit_metrics.features:TaskFrechet")
    registry.add("metric", "gan-test", "gankit_metrics.classification:GanTest")
    registry.add("metric", "high-frequency", "gankit_metrics.features:HighFrequency")
    registry.add("metric", "inception", "gankit_metrics.features:Inception")
    registry.add("metric", "lesion-contrast", "gankit_metrics.lesion:LesionContrast")
    registry.add("metric", "memorisation", "gankit_metrics.features:Memorisation")
    registry.add("metric", "oracle", "gankit_metrics.oracle:Oracle")
    registry.add("metric", "pair-consistency", "gankit_metrics.consistency:PairConsistency")
    registry.add("metric", "plane-consistency", "gankit_metrics.planes:PlaneConsistency")
    registry.add("metric", "radiomics-frechet", "gankit_metrics.radiomics:RadiomicsFrechet")
    registry.add("metric", "random-frechet", "gankit_metrics.features:RandomFrechet")
    registry.add("metric", "resnet-frechet", "gankit_metrics.features:ResNetFrechet")
    registry.add("metric", "sca", "gankit_metrics.classification:SliceClassificationAccuracy")
    registry.add("metric", "utility", "gankit_metrics.utility:Utility")
