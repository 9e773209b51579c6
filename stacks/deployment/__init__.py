"""Deploys an environment with Pulumi: preview, up, refresh and down, on the same state as the plain `pulumi` command."""

from stacks.deployment.deployment import Deployment
from stacks.deployment.results import Event, Preview, ResourceChange, Update

__all__ = ["Deployment", "Event", "Preview", "ResourceChange", "Update"]
