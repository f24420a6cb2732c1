"""The cameras that the configuration has already, as far as a search needs to know them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.fields import tree
from edge_agent.config.loader import merged_tree
from edge_agent.config.model.addresses import host_of


@dataclass(frozen=True)
class ConfiguredCameras:
    """Cameras of the configuration: id, host and file of each."""

    cameras: tuple[tuple[str, str, str], ...]

    @classmethod
    def read(cls, config: Path) -> ConfiguredCameras:
        """None are known where there is no configuration yet. Raises ConfigError when it cannot be read."""
        if not config.exists():
            return cls(())
        cameras = merged_tree(config).entries.get("cameras")
        items = cameras.value.items if cameras and isinstance(cameras.value, tree.Sequence) else ()
        found = []
        for item in items:
            if not isinstance(item, tree.Mapping):
                continue
            text = {
                key: entry.value.text
                for key, entry in item.entries.items()
                if isinstance(entry.value, tree.Scalar)
            }
            found.append((text.get("id", ""), host_of(text.get("url", "")), item.place.file))
        return cls(tuple(found))

    def ids_by_host(self) -> dict[str, str]:
        return {host: id_ for id_, host, _ in self.cameras if host}

    def ids(self) -> set[str]:
        return {id_ for id_, _, _ in self.cameras}

    def without(self, file: Path) -> ConfiguredCameras:
        return ConfiguredCameras(tuple(each for each in self.cameras if not _same(each[2], file)))

    def only(self, file: Path) -> ConfiguredCameras:
        return ConfiguredCameras(tuple(each for each in self.cameras if _same(each[2], file)))


def _same(name: str, file: Path) -> bool:
    return Path(name).absolute() == file.absolute()
