"""Optimizers of torch and schedules of their rates, which phases name in place of an Adam of their own."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("optimizer", "adam", "gankit_optimizers.optimizers:Adam")
    registry.add("optimizer", "adamw", "gankit_optimizers.optimizers:AdamW")
    registry.add("optimizer", "rmsprop", "gankit_optimizers.optimizers:RMSprop")
    registry.add("optimizer", "sgd", "gankit_optimizers.optimizers:SGD")
    registry.add("schedule", "constant", "gankit_optimizers.schedules:Constant")
    registry.add("schedule", "cosine", "gankit_optimizers.schedules:Cosine")
    registry.add("schedule", "linear", "gankit_optimizers.schedules:Linear")
