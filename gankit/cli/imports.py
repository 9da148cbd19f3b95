"""``gankit import``, whose commands come from plugins."""

from gankit.cli._group import PluginGroup

imports = PluginGroup(
    name="import",
    words="import",
    help="""Make a cohort file from other data.

\b
    gankit import arrays pairs.npz --modality adc=adc --modality t2w=t2w \\
        --label cs=is_cs --patient patient_id -o cohort.safetensors""",
)
