"""A container of the stack as Docker runs it: arguments, environment, limits, rights and mounted files are those of its pod."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from stacks.environment import Environment
from stacks.environment.file import load
from stacks.graph import SECRET, Graph, Resource
from stacks.graph.quantities import quantity
from stacks.graph.sources import from_program

ROOT = Path(__file__).parents[3]
STARTS_WITHIN_S = 180


def environment(name: str, **sections: Mapping[str, Any]) -> Environment:
    """An environment of the project, with fields of its sections changed."""
    loaded = load(name, root=ROOT)
    return loaded.model_copy(update={section: getattr(loaded, section).model_copy(update=changes) for section, changes in sections.items()})


def kill_and_start(container: DockerContainer, ready: str) -> None:
    """Kill a container and start it again; return when its log has ``ready`` once more than before."""
    wrapped = container.get_wrapped_container()
    before = wrapped.logs().decode(errors="replace").count(ready)
    wrapped.kill()
    wrapped.start()
    again = re.compile(".*".join([re.escape(ready)] * (before + 1)), re.DOTALL)
    LogMessageWaitStrategy(again).with_startup_timeout(STARTS_WITHIN_S).wait_until_ready(container)


class Deployed:
    """The container called ``container`` of the first StatefulSet of an environment that has one.

    Args:
        environment: of which the graph is made.
        container: its name.
        folder: for the files and folders that are mounted.
    """

    def __init__(self, environment: Environment, container: str, folder: Path) -> None:
        self.graph: Graph = from_program(environment)
        found = ((resource, one) for resource in self.graph.objects("StatefulSet") for one in resource.containers())
        self.resource, self.settings = next((resource, one) for resource, one in found if one["name"] == container)
        self.folder = folder

    @property
    def pod(self) -> str:
        """Name of the first pod."""
        return f"{self.resource.object_name}-0"

    def container(self, image: str, **files: Mapping[str, str]) -> DockerContainer:
        """Return the container, not started.

        Args:
            image: reference of an image that Docker has.
            files: content of volumes that a Secret or another container would fill, by the volume's name.
        """
        security = self.settings["securityContext"]
        words = [*self._expanded("command"), *self._expanded("args")]
        running = DockerContainer(
            image,
            mem_limit=int(quantity(self.settings["resources"]["limits"]["memory"])),
            user=str(security["runAsUser"]),
            read_only=security["readOnlyRootFilesystem"],
            cap_drop=security["capabilities"]["drop"],
            security_opt=["no-new-privileges"],
            # As Kubernetes has it, a command takes the place of the image's entry point.
            **({"entrypoint": words[:1]} if self.settings.get("command") else {}),
        )
        running.with_command(words[1:] if self.settings.get("command") else words)
        for name, value in self.variables().items():
            running.with_env(name, value)
        volumes = {volume["name"]: volume for volume in self.resource.pod_spec.get("volumes", ())}
        for mount in self.settings["volumeMounts"]:
            place = self.folder / mount["name"]
            place.mkdir(exist_ok=True)
            place.chmod(0o777)  # the container's user is none of this machine
            for file, text in {**self._config(volumes.get(mount["name"], {})), **files.get(mount["name"], {})}.items():
                (place / file).write_text(text, encoding="utf-8")
                (place / file).chmod(0o644)
            running.with_volume_mapping(place, mount["mountPath"], "ro" if mount.get("readOnly") else "rw")
        return running

    def variables(self) -> dict[str, str]:
        """The environment; a secret is the mark that stands in its place in the graph, a field of the pod is its name."""
        return {
            variable["name"]: variable.get("value") or (SECRET if "secretKeyRef" in variable["valueFrom"] else self.pod)
            for variable in self.settings.get("env", ())
        }

    def _expanded(self, key: str) -> list[str]:
        words = list(self.settings.get(key) or ())
        for name, value in self.variables().items():
            words = [word.replace(f"$({name})", value) for word in words]
        return [word.replace("$$", "$") for word in words]

    def _config(self, volume: Mapping[str, Any]) -> Mapping[str, str]:
        named = volume.get("configMap", {}).get("name")
        found: Resource | None = self.graph.find("ConfigMap", named, self.resource.namespace) if named else None
        return found.inputs["data"] if found else {}
