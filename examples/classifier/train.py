"""A classifier of slices with and without cancer, trained on real slices and on real plus synthetic ones.

    python train.py MODEL COHORT

MODEL is a run, a model file or the name of a shipped model; COHORT is a cohort file. What is printed is the area under
the ROC curve on the cohort's test split.
"""

import sys

import torch
from torch import Tensor, nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset

import gankit

STEPS = 300
IMAGES = ("adc", "t2w")
"""What the classifier sees. A mask of the lesion would give the label away."""


def main(model_name: str, cohort_file: str, steps: int = STEPS) -> None:
    """Train without synthetic slices and with them, and print both figures."""
    # the data, all of it
    model = gankit.load_model(model_name)
    cohort = gankit.read_cohort(cohort_file)
    real = cohort.dataset("train", model.recipe, modalities=IMAGES)
    synthetic = model.dataset(len(real) // 2, seed=1, modalities=IMAGES)
    test = cohort.dataset("test", model.recipe, modalities=IMAGES)

    for name, slices in (("real", real), ("real plus synthetic", ConcatDataset([real, synthetic]))):
        network = trained(slices, channels=stacked(test[:1]).shape[1], steps=steps)
        with torch.no_grad():
            area = area_under_curve(network(stacked(test[:])), test[:]["label"])
        print(f"{name}: {len(slices)} slices, area under the curve {area:.3f}")


def stacked(batch: dict[str, Tensor]) -> Tensor:
    """All modalities of a batch along channels, (B, C, H, W)."""
    return torch.cat([image for name, image in batch.items() if name != "label"], dim=1)


def trained(slices: Dataset, channels: int, steps: int) -> nn.Module:
    """A small convolutional network that gives a logit for each slice, (B, C, H, W) to (B,)."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(channels, 16, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(4)),
        *(nn.Flatten(), nn.Linear(32 * 16, 1), nn.Flatten(0)),
    )
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    batches = DataLoader(slices, batch_size=32, shuffle=True)
    for step in range(steps):
        if step % len(batches) == 0:
            epoch = iter(batches)
        batch = next(epoch)
        loss = nn.functional.binary_cross_entropy_with_logits(network(stacked(batch)), batch["label"].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def area_under_curve(logit_N: Tensor, label_N: Tensor) -> float:
    """Share of pairs of a slice with the label and one without in which the first has the larger logit; ties half."""
    higher = logit_N[label_N == 1, None] - logit_N[label_N == 0]
    return ((higher > 0).float() + (higher == 0).float() / 2).mean().item()


if __name__ == "__main__":
    main(*sys.argv[1:3])
