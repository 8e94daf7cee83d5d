"""What to run on the nodes of a cluster, as text: for bare nodes, for Slurm, and for Kubernetes with KubeRay.

Nothing secret is printed: the address of the ledger, the keys of the store and Ray's token come from the environment
of each node.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import yaml

from schemas.configuration.config import CurateConfig
from schemas.configuration.model_config import OpenAIModel
from schemas.errors import ConfigError

Kind = Literal["ssh", "slurm", "kuberay"]
PORT = 6379
_TOKEN_FILE = "$HOME/.v2xum-ray-token"  # noqa: S105 - a place
_RAY = "--disable-usage-stats --num-cpus=1"
_SECRETS = """\
export V2XUM_LEDGER=postgresql://USER:PASSWORD@HOST/NAME    # one PostgreSQL that every node reaches
export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...      # of the store; AWS_ENDPOINT_URL for an S3 of your own"""
_AUTH = f'export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="{_TOKEN_FILE}"'
_MAKE_TOKEN = f'(umask 077; head -c 32 /dev/urandom | base64 > "{_TOKEN_FILE}")'


def cluster_commands(
    config: CurateConfig, path: Path, on: Kind, settings: Sequence[str] = (), image: str = "v2xum-curator"
) -> str:
    """The text for a configuration file at `path` with these `--set` words.

    `image`: the container of the nodes, for KubeRay. Raises ConfigError when the configuration names no shared store.
    """
    if config.store.address is None:
        raise ConfigError(
            f"{path}: several nodes need a store that all of them reach: set store.address, such as "
            "--set store.address=s3://BUCKET/PREFIX"
        )
    curate = ["v2xum", "curate", str(path), *(word for setting in settings for word in ("--set", setting))]
    if on == "ssh":
        return _ssh(config, path, curate)
    return _slurm(config, path, curate) if on == "slurm" else _kuberay(config, curate, image)


def _servers(config: CurateConfig, path: Path) -> list[str]:
    """The commands that start the model servers of a node."""
    asked: dict[tuple[str, ...], str] = {}  # one server may answer for several models
    for name, model in config.models.named().items():
        if isinstance(model, OpenAIModel):
            asked.setdefault(model.base_urls, name)
    return [shlex.join(["v2xum", "serve", name, str(path), "--run"]) for name in asked.values()]


def _curate(words: Sequence[str], host: str) -> str:
    """The driver's command; `host` is text for a shell, which may have a variable."""
    return f"{shlex.join(words)} --set run.engine=ray --set run.ray_address={host}:{PORT}"


def _ssh(config: CurateConfig, path: Path, curate: Sequence[str]) -> str:
    servers = _servers(config, path)
    models = (
        "# On every node with a GPU: its model servers. base_urls with 127.0.0.1 mean each node's own server.\n"
        + "".join(f"{server} &\n" for server in servers)
        + "\n"
        if servers
        else ""
    )
    return f"""\
# Once, on every node: the program in the same version, and the same checkpoints in the same places.
pip install -e '.[cluster,postgresql,s3]'

# Once: a token, which you copy to every node. Without it whoever reaches a port of Ray may run anything there.
{_MAKE_TOKEN}

# On every node, in every shell, before the other commands. Keep Ray's ports behind a firewall all the same.
{_SECRETS}
{_AUTH}

{models}# On the first node, whose address the others reach:
ray start --head --node-ip-address=HEAD --port={PORT} --include-dashboard=false {_RAY}

# On every other node, now or while the run goes on:
ray start --address=HEAD:{PORT} {_RAY}

# On the first node. Interrupt it as you like: the same command goes on.
{_curate(curate, "HEAD")}

# A node that shall leave, and every node in the end:
ray stop
"""


def _slurm(config: CurateConfig, path: Path, curate: Sequence[str]) -> str:
    servers = "".join(f"  {server} & \\\n" for server in _servers(config, path))
    serve = (
        f"# Model servers on every node; base_urls with 127.0.0.1 mean each node's own server.\n"
        f"srun --nodes=\"$SLURM_JOB_NUM_NODES\" --overlap bash -c '\\\n{servers}  wait' &\n\n"
        if servers
        else ""
    )
    return f"""\
#!/bin/bash
#SBATCH --job-name=v2xum
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
# Submit it with `sbatch FILE`. When the time is up, submit it again: the run goes on from there.
# The environment of the job has the program, V2XUM_LEDGER and the keys of the store: keep them out of this file.
set -euo pipefail
: "${{V2XUM_LEDGER:?set V2XUM_LEDGER before sbatch}}"
{_AUTH}
[ -s "{_TOKEN_FILE}" ] || {_MAKE_TOKEN}

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{{print $1}}')

{serve}srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \\
  ray start --head --block --node-ip-address="$address" --port={PORT} --include-dashboard=false {_RAY} &
for try in $(seq 60); do ray status --address="$address:{PORT}" >/dev/null 2>&1 && break; sleep 1; done
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$head" --overlap \\
    ray start --block --address="$address:{PORT}" {_RAY} &
fi

# SIGTERM, two minutes before the end of the job, stops the run at a safe point.
srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \\
  {_curate(curate, '"$address"')} &
driver=$!
trap 'kill -TERM "$driver"; wait "$driver"' TERM
wait "$driver"
"""


def _kuberay(config: CurateConfig, curate: Sequence[str], image: str) -> str:
    """A RayJob (ray.io/v1): KubeRay makes the cluster, runs the driver on its head, and removes the cluster."""
    environment = [{"name": "RAY_AUTH_MODE", "value": "token"}, *map(_secret, _KEYS)]

    def pod(name: str) -> dict[str, object]:
        container = {
            "name": name,
            "image": image,
            "env": environment,
            "resources": {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"memory": "16Gi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True},
        }
        return {"spec": {"containers": [container]}}

    parameters = {"include-dashboard": "true", "dashboard-host": "0.0.0.0", "num-cpus": "1"}  # noqa: S104 - in its pod
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": f"v2xum-{config.name.lower().replace('_', '-').replace('.', '-')}"[:47].rstrip("-")},
        "spec": {
            "entrypoint": _curate(curate, "$(hostname -i)"),
            "shutdownAfterJobFinishes": True,
            "rayClusterSpec": {
                "headGroupSpec": {"rayStartParams": parameters, "template": pod("ray-head")},
                "workerGroupSpecs": [
                    {
                        "groupName": "nodes",
                        "replicas": 3,
                        "minReplicas": 0,
                        "maxReplicas": 64,
                        "rayStartParams": {"num-cpus": "1"},
                        "template": pod("ray-worker"),
                    }
                ],
            },
        },
    }
    return f"""\
# Once: the secrets, which no file holds.
#   kubectl create secret generic v2xum --from-literal=ledger=postgresql://USER:PASSWORD@HOST/NAME \\
#     --from-literal=token="$(head -c 32 /dev/urandom | base64)" \\
#     --from-literal=access-key=... --from-literal=secret-key=...
# Then: kubectl apply -f FILE. KubeRay's job submitter needs the dashboard: let no Service or Ingress show it outside.
# The image has the program, the configuration and its checkpoints; the workspace should be a volume of the head.
{yaml.safe_dump(job, sort_keys=False, width=1000)}"""


_KEYS = (
    ("RAY_AUTH_TOKEN", "token"),
    ("V2XUM_LEDGER", "ledger"),
    ("AWS_ACCESS_KEY_ID", "access-key"),
    ("AWS_SECRET_ACCESS_KEY", "secret-key"),
)


def _secret(name_and_key: tuple[str, str]) -> dict[str, object]:
    name, key = name_and_key
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "v2xum", "key": key}}}
