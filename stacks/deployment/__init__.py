"""Deploys an environment with Pulumi: preview, up, refresh and down over one state that `pulumi up` by hand shares."""

from stacks.deployment.deployment import Deployment
from stacks.deployment.results import Event, Preview, ResourceChange, Update

__all__ = ["Deployment", "Event", "Preview", "ResourceChange", "Update"]
