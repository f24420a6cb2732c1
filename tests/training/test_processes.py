"""Training in two processes: `make train-smoke`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.steps import train
from training import processes
from training.dataset import DataError


def share_gradients(folder: Path) -> None:
    network = torch.nn.Linear(1, 2)
    number = processes.number()
    network.weight.grad = torch.tensor([[1.0 + number], [2.0]])
    spent_s = processes.share(network, 10.0 * number)
    assert network.weight.grad is not None
    torch.save({"gradient": network.weight.grad, "spent_s": spent_s}, folder / f"{number}.pt")


def fail_in_the_second(file: Path) -> None:
    if processes.number() == 1:
        raise DataError(f"{file} is no picture")
    share_gradients(file.parent)


def test_all_processes_get_the_mean_of_their_gradients(tmp_path: Path) -> None:
    processes.run(2, share_gradients, tmp_path)
    one, other = (torch.load(tmp_path / f"{number}.pt", weights_only=True) for number in (0, 1))
    assert one["gradient"].flatten().tolist() == other["gradient"].flatten().tolist() == [1.5, 2.0]
    assert one["spent_s"] == other["spent_s"] == 5.0


def test_one_process_keeps_its_gradients(tmp_path: Path) -> None:
    processes.run(1, share_gradients, tmp_path)
    assert torch.load(tmp_path / "0.pt", weights_only=True)["gradient"].flatten().tolist() == [1.0, 2.0]


def test_the_error_of_one_process_ends_all(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="process 1 of the training has ended"):
        processes.run(2, fail_in_the_second, tmp_path / "7.png")
    assert f"training: {tmp_path}/7.png is no picture" in capfd.readouterr().err


def test_a_training_in_two_processes_goes_on_after_a_kill(data: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    assert train(data, weights, 3, "--processes", "2") == 0
    trained = torch.load(weights, weights_only=True)
    assert trained["step"] == 3
    torch.save({**trained, "step": 2}, weights)
    assert train(data, weights, 3, "--processes", "2") == 0
    again = torch.load(weights, weights_only=True)["average"]
    assert any(not torch.equal(again[name], trained["average"][name]) for name in again)
