"""``python -m workloads.reinforcement``: train policies, learn from preferences, compute what is best.

Exit codes: 0 done; 1 failed; 2 bad arguments, settings or checkpoint; 3 the environment failed, or the port is taken; 4 diverged; 143
stopped by SIGTERM, to be run again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Final

from foundation.training import STOPPED, Checkpoint, CheckpointError, StopRequest, save_checkpoint
from foundation.training.phases import Phase, phases_to_json
from foundation.training.scrape import Series, scraped
from workloads.reinforcement.errors import ReinforcementError
from workloads.reinforcement.spec import CHECKPOINT_SHARE, POLICY, PROGRAM, add_commands
from workloads.telemetry.training import EPISODE_REWARD, REWARD_MODEL_SCORE

POLICY_KIND: Final = "reinforcement/policy"


def main() -> None:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Reinforcement learning.", allow_abbrev=False)
    add_commands(parser)
    known = parser.parse_args()
    if known.command == "exact":
        sys.exit(_reported(lambda: _exact(known)))
    work, series = {"train": _train, "rlhf": _rlhf}[known.command], Series()
    with StopRequest() as stop, scraped(series, known.metrics_address, "reinforcement"):
        sys.exit(_reported(lambda: work(known, stop, series)))


def _reported(work: Callable[[], int]) -> int:
    try:
        return work()
    except ReinforcementError as error:
        sys.stderr.write(f"reinforcement: {error}\n")
        return error.exit_code
    except CheckpointError as error:
        sys.stderr.write(f"reinforcement: {error}\n")
        return 2
    except ModuleNotFoundError as error:
        sys.stderr.write(f"reinforcement: {error.name} is missing; run this in the environment of the dependency group `training`\n")
        return 1


def _train(known: argparse.Namespace, stop: StopRequest, series: Series) -> int:
    import torch

    from workloads.reinforcement.course import Course, Stopped
    from workloads.reinforcement.evaluation.seeds import scores
    from workloads.reinforcement.report import write_report
    from workloads.reinforcement.training import solved_from, train

    torch.set_num_threads(1)  # bit-equal resumption, and the machine is shared
    threshold = solved_from(known.environment) if known.solved_from is None else known.solved_from
    done, curves, phases = [], {}, list[Phase]()
    every = max(1, known.steps // CHECKPOINT_SHARE)
    labels = {"algorithm": known.algorithm, "env": known.environment}
    for seed in range(known.seed, known.seed + known.seeds):
        course = Course(known.out / f"seed-{seed}.checkpoint", every, stop, _progress(seed, known.steps, partial(_show, series, labels)))
        sys.stderr.write(f"seed {seed}: begins\n")
        try:
            trained = train(known.algorithm, known.environment, known.steps, seed, course)
        except Stopped as stopped:
            sys.stderr.write(f"reinforcement: seed {seed} {stopped}; run it again to go on\n")
            return STOPPED
        how = "exactly" if trained.exact else f"over {trained.episodes} fresh episodes"
        sys.stdout.write(f"seed {seed}: {trained.score:.4g} {how}\n")
        done.append(trained)
        phases.append(Phase.of(f"seed {seed}", known.steps, every, course.times, trained.judging_s))
        curves[f"seed {seed}"] = course.curve
    all_scores = scores([each.score for each in done], threshold)
    best = max(done, key=lambda each: each.score)
    policy = Checkpoint(POLICY_KIND, {"environment": known.environment, "algorithm": known.algorithm}, {"score": best.score}, best.arrays)
    save_checkpoint(known.out / POLICY, policy)
    document = {
        "algorithm": known.algorithm, "environment": known.environment, "steps": known.steps, "solved_from": threshold,
        "median": all_scores.median, "solved": all_scores.solved, "exact": done[0].exact, "episodes": done[0].episodes,
        "scores": {each.seed: each.score for each in done},
        "phases": phases_to_json(phases),
    }  # fmt: skip
    _show(series, labels, all_scores.median)
    title = f"{known.algorithm} in {known.environment}"
    write_report(known.out, document, title=title, axes=("step", "mean reward"), curves=curves, series=series)
    sys.stdout.write(f"{known.algorithm} in {known.environment}: {all_scores}\n")
    return 0


def _rlhf(known: argparse.Namespace, stop: StopRequest, series: Series) -> int:
    import torch

    from workloads.reinforcement.course import Stopped
    from workloads.reinforcement.preferences.experiment import run
    from workloads.reinforcement.report import write_report

    torch.set_num_threads(1)
    try:
        known.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReinforcementError(f"{known.out}: {error.strerror}; name a writable folder with --out") from error
    labels = {"model": f"pairs-{known.pairs}-seed-{known.seed}"}

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        if stop.requested:
            raise Stopped

    try:
        came = run(known.pairs, known.bound, known.seed, say, lambda accuracy: series.show((REWARD_MODEL_SCORE, labels, accuracy)))
    except Stopped:
        sys.stderr.write("reinforcement: stopped; nothing is kept of a run that takes seconds; run it again\n")
        return STOPPED
    curves = {f"gold, beta {beta:g}": [(point.kl, point.gold) for point in points] for beta, points in came.runs.items()}
    curves["gold, best of n"] = [(point.kl, point.gold) for point in came.best_of_n.values()]
    curves["model, beta 0"] = came.exploited_in_gold
    document = {
        "accuracy": came.accuracy,
        "unseen_pairs": came.unseen_pairs,
        "bound_nats": known.bound,
        "runs": {f"{beta:g}": [asdict(point) for point in points] for beta, points in came.runs.items()},
        "best_of_n": {n: asdict(point) for n, point in came.best_of_n.items()},
    }
    axes = f"KL from the reference, nats; with a penalty at most {known.bound:g}", "gold reward, and the model's in gold's unit"
    write_report(known.out, document, title="Reward against divergence", axes=axes, curves=curves, series=series)
    return 0


def _exact(known: argparse.Namespace) -> int:
    from workloads.reinforcement.environments.registry import process_of
    from workloads.reinforcement.evaluation.exact import Solver

    process = process_of(known.environment)
    solver = Solver(process)
    discount = process.discount if process.discount < 1 else 0.9999
    best, stationary = solver.optimal_return(), solver.expected_return(solver.optimal_policy(discount=discount))
    sys.stdout.write(f"{known.environment}: {best:.4f}, and {stationary:.4f} with a policy that does not know how many steps are left\n")
    return 0


def _show(series: Series, labels: Mapping[str, str], reward: float) -> None:
    series.show((EPISODE_REWARD, labels, reward))


def _progress(seed: int, steps: int, show: Callable[[float], None]) -> Callable[[int, float], None]:
    """Return what shows each point of the learning curve, and writes a line to standard error."""
    begun = time.monotonic()

    def on_point(step: int, reward: float) -> None:
        show(reward)
        sys.stderr.write(f"seed {seed}: step {step:,} of {steps:,}, mean reward {reward:.4g}, {time.monotonic() - begun:.0f} s\n")

    return on_point


if __name__ == "__main__":
    main()
