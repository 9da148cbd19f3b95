"""The health of a training: measures beside its losses, and alarms that say what goes wrong and what to do."""
