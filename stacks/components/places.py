"""Names of the namespaces, so that no component has to guess another's."""

from __future__ import annotations

from typing import Final

NODE_POOLS: Final = "node-pools"
AI: Final = "ai"
FEDERATION: Final = "federation"
TRAINING: Final = "training"
DATA: Final = "data"
MESSAGING: Final = "messaging"
TELEMETRY: Final = "telemetry"
VAULT: Final = "vault"
SPIRE_SERVER: Final = "spire-server"
SPIRE_SYSTEM: Final = "spire-system"
FALCO: Final = "falco"
CROSSPLANE: Final = "crossplane-system"
GPU_SYSTEM: Final = "gpu-system"
