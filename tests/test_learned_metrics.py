"""Learned metrics: real TorchScript files, small ones; distances where the answer is known; sentences for what is missing."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Told
from scipy import linalg
from torch import Tensor, nn

from inbench.joints import choices, learned_metrics, registry
from inbench.joints.learned_metrics import Fid, Kid, Lpips, Weights
from inbench.words import records
from inbench.words.errors import UserError

Command = Callable[..., Told]
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


class Detector(nn.Module):
    """Three features: the mean of each channel, from 0 to 1."""

    def forward(self, pictures: Tensor, return_features: bool = False) -> Tensor:
        return pictures.float().mean((2, 3)) / 255


class Looker(nn.Module):
    """What is seen of a picture: itself, so that the distance is a sum of squares."""

    def forward(self, pictures: Tensor, resize_images: bool, return_lpips: bool) -> Tensor:
        return pictures.flatten(1) / 255


class Scalar(nn.Module):
    def forward(self, pictures: Tensor, return_features: bool = False) -> Tensor:
        return pictures.float().mean()


class Files:
    def __init__(self, folder: Path) -> None:
        self.weights = {}
        for cls in (Detector, Looker, Scalar):
            file = folder / f"{cls.__name__.lower()}.pt"
            torch.jit.save(torch.jit.script(cls()), str(file))  # type: ignore[no-untyped-call]
            self.weights[cls] = Weights(str(file), hashlib.sha256(file.read_bytes()).hexdigest())

    def typed(self, name: str, cls: type[nn.Module]) -> str:
        return f"{name}[weights={self.weights[cls].weights},sha256={self.weights[cls].sha256[:16]}]"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("weights"))


def features(count: int = 150, size: int = 4, seed: int = 0) -> Tensor:
    chance = np.random.default_rng(seed)
    return torch.from_numpy(chance.normal(size=(count, size)) @ chance.normal(size=(size, size)) + 1)


def pictures(count: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 200, (count, 3, 8, 8), dtype=np.uint8))


def test_features_moved_by_a_vector_are_at_its_squared_length(files: Files) -> None:
    theirs, fid = features(), Fid(files.weights[Detector])
    assert fid.distance(theirs, theirs) == pytest.approx(0, abs=1e-6)
    assert fid.distance(theirs + torch.tensor([3.0, 0, 4, 0]), theirs) == pytest.approx(25, abs=1e-6)


def test_fid_is_the_formula_by_scipy(files: Files) -> None:
    ours, theirs = features(seed=1).numpy(), features(seed=2).numpy()
    covariances = [np.cov(one, rowvar=False) for one in (ours, theirs)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.square(ours.mean(0) - theirs.mean(0)).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert Fid(files.weights[Detector]).distance(torch.from_numpy(ours), torch.from_numpy(theirs)) == pytest.approx(expected)


def test_kid_is_the_unbiased_formula_and_the_same_each_time(files: Files) -> None:
    ours, theirs, kid = features(seed=1), features(seed=2), Kid(files.weights[Detector])

    def kernel(one: Tensor, other: Tensor) -> np.ndarray:
        return ((one @ other.T / one.shape[1] + 1) ** 3).numpy()

    count = len(ours)
    within = sum((kernel(one, one).sum() - np.trace(kernel(one, one))) / (count * (count - 1)) for one in (ours, theirs))
    assert kid.distance(ours, theirs) == pytest.approx(within - 2 * kernel(ours, theirs).mean())
    state = torch.random.get_rng_state()
    assert kid.distance(ours, theirs) == pytest.approx(kid.distance(ours, theirs), rel=1e-12)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_set_is_read_in_batches_through_the_network(files: Files) -> None:
    ours, theirs = pictures(120, 0), pictures(120, 1)
    whole = Fid(files.weights[Detector]).of_set([(ours, theirs)])
    parts = Fid(files.weights[Detector]).of_set([(ours[:50], theirs[:50]), (ours[50:], theirs[50:])])
    means = (ours.double().mean((2, 3)) / 255, theirs.double().mean((2, 3)) / 255)
    assert whole == pytest.approx(parts)
    assert whole == pytest.approx(Fid(files.weights[Detector]).distance(*means), abs=1e-6)


def test_too_few_pictures_are_refused(files: Files) -> None:
    with pytest.raises(UserError, match="fid needs more pictures than its network has features, 3, and there are 3; kid"):
        Fid(files.weights[Detector]).of_set([(pictures(3, 0), pictures(3, 1))])
    with pytest.raises(UserError, match="kid needs 100 pictures, and there are 99"):
        Kid(files.weights[Detector]).of_set([(pictures(99, 0), pictures(99, 1))])


def test_lpips_is_a_squared_distance_of_what_the_network_sees(files: Files) -> None:
    one, other = (value.double() / 255 for value in (pictures(5, 0), pictures(5, 1)))
    lpips = Lpips(files.weights[Looker])
    found = lpips.per_image(one, one, other, torch.ones(5, 1, 8, 8, dtype=torch.bool))[lpips.label]
    assert found == pytest.approx((one - other).square().sum((1, 2, 3)), abs=1e-5)
    assert found.dtype == torch.float64
    assert lpips.per_image(one, one, one, torch.ones(5, 1, 8, 8, dtype=torch.bool))[lpips.label].tolist() == [0] * 5


def test_what_is_no_such_network_is_one_sentence(files: Files, tmp_path: Path) -> None:
    text = tmp_path / "text.pt"
    text.write_text("no network")
    digest = hashlib.sha256(text.read_bytes()).hexdigest()
    with pytest.raises(UserError, match=r"text.pt is no TorchScript file"):
        Fid(Weights(str(text), digest))
    with pytest.raises(UserError, match="cannot be called as lpips needs it"):
        Lpips(files.weights[Detector]).network.features(pictures(2, 0))
    with pytest.raises(UserError, match="does not answer a row of features for each picture, as fid needs"):
        Fid(files.weights[Scalar]).of_set([(pictures(9, 0), pictures(9, 1))])
    with pytest.raises(UserError, match=r"the SHA-256 of .* is"):
        Fid(Weights(files.weights[Detector].weights, "0" * 64))


def test_without_an_option_none_of_them_is_measured() -> None:
    names = {metric.name for metric in choices.metrics("", registry.load())}
    assert not names & {"fid", "kid", "lpips"}
    with pytest.raises(UserError, match=r"fid needs|weights"):
        choices.metrics("fid", registry.load())


def test_without_torchmetrics_it_says_what_to_install(
    command: Command, files: Files, pictured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    told = command("score", "--results", str(pictured), "--metrics", files.typed("fid", Detector), "--threads", "1")
    assert told.code == 2
    assert "fid is computed by torchmetrics, which is not installed: pip install 'inbench[perceptual]'" in told.err


def scored(command: Command, pictured: Path, tmp_path: Path, metrics: str) -> tuple[Path, Told]:
    results = Path(shutil.copytree(pictured, tmp_path / "results"))
    return results, command("score", "--results", str(results), "--metrics", metrics, "--threads", "1")


def test_kept_guesses_are_measured_and_stand_in_tables_without_an_interval(
    command: Command, files: Files, pictured: Path, tmp_path: Path
) -> None:
    asked = f"{files.typed('fid', Detector)},{files.typed('lpips', Looker)}"
    results, told = scored(command, pictured, tmp_path, asked)
    fid, lpips = (f"{name}-{files.weights[cls].sha256[:8]}" for name, cls in (("fid", Detector), ("lpips", Looker)))
    assert told.code == 0, told.err
    assert f"scored again; new: {lpips}, {fid}" in told.out or f"scored again; new: {fid}, {lpips}" in told.out
    made = json.loads(command("tables", "--results", str(results), "--json").out)["rows"]
    found: dict[str, Any] = next(row for row in made if row["method"] == "mean-fill" and row["mask"] == "center")["metrics"]
    assert found[fid]["mean"] > 0
    assert found[fid]["low"] is None
    assert found[fid]["n"] == 8
    assert found[lpips]["low"] < found[lpips]["mean"] < found[lpips]["high"]
    table = command("tables", "--results", str(results), "--columns", f"{fid},{lpips},psnr").out
    assert f"{fid} ↓" in table
    assert "Fréchet distance" in table
    assert command("verify", "--results", str(results)).code == 0
    for record in records.all_of(results):
        assert str(Path(files.weights[Detector].weights).parent) not in json.dumps(record.told)


def test_too_few_kept_guesses_leave_the_record_as_it_was(
    command: Command, files: Files, pictured: Path, tmp_path: Path
) -> None:
    results, told = scored(command, pictured, tmp_path, files.typed("kid", Detector))
    assert told.out.count("left as it was: kid needs 100 pictures, and there are 8") == 3
    assert not any("sets" in entry for record in records.all_of(results) for entry in record.scores.values())


def test_numbers_of_two_networks_are_two_columns(files: Files) -> None:
    assert learned_metrics.label_of("fid", files.weights[Detector]) != learned_metrics.label_of("fid", files.weights[Looker])
