"""The whole configuration as one table, for validation, suggestions and the reference.

It is derived from the settings classes in ``model/``, which declare the keys: docs/design/configuration.md.
"""

from __future__ import annotations

from edge_agent.config.cross_checks import warn_idle_rules
from edge_agent.config.fields.declare import section
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.config.model.settings import Settings
from edge_agent.config.texts.messages import message

_OF_A_CAMERA = ("zones", "lines", "rules", "masks", "analyse", "report", "clip")


def _check(values: SectionValues) -> None:
    if values.valid("cameras") == ():
        values.warn("cameras", message("no-cameras"))
    warn_idle_rules(values)


ROOT = section(
    Settings,
    "the configuration",
    "One file, and `conf.d/*.yaml` beside it: mappings merge by key, cameras and rules by id, later wins.",
    check=_check,
    replacements=dict.fromkeys(_OF_A_CAMERA, message("of-a-camera")),
    make=dict,  # ``loader.py`` makes Settings of it: the profile is still a name
)
