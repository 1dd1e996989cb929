#!/usr/bin/env python3
"""An epoch of VGG16, frozen from a seed, with a head of Flatten, Linear 256, Linear CLASSES, over a folder of photos in
PyTorch: PIL decodes, DistributedDataParallel over gloo, Adam. RANK and WORLD_SIZE in the environment; rank 0 prints one
JSON line: seconds of each epoch.
"""
import argparse
import json
import os
import time
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import distributed, nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler
from torch_nets import BASES

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class Photos(Dataset):
    def __init__(self, root):
        classes = sorted(folder for folder in Path(root).iterdir() if folder.is_dir())
        self.files = [(file, label) for label, folder in enumerate(classes) for file in sorted(folder.iterdir())]
        self.classes = len(classes)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        file, label = self.files[index]
        image = Image.open(file).convert("RGB").resize((224, 224), Image.BILINEAR)
        pixels = torch.from_numpy(numpy.asarray(image).copy()).float() / 255
        return ((pixels - MEAN) / STD).permute(2, 0, 1), label


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="a folder of class folders")
    parser.add_argument("--rows", type=int, default=8, help="per rank")
    parser.add_argument("--epochs", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    torch.manual_seed(42)
    distributed.init_process_group("gloo")
    photos = Photos(options.root)
    head = nn.Sequential(nn.Flatten(), nn.Linear(25088, 256), nn.ReLU(), nn.Linear(256, photos.classes))
    net = nn.Sequential(BASES["vgg16"][0]().requires_grad_(False), head).to(memory_format=torch.channels_last)
    net = nn.parallel.DistributedDataParallel(net)
    optimizer = torch.optim.Adam((p for p in net.parameters() if p.requires_grad), lr=1e-3, fused=True)
    sampler = DistributedSampler(photos)
    loader = DataLoader(photos, batch_size=options.rows, sampler=sampler, num_workers=1)
    loss, seconds = nn.CrossEntropyLoss(), []
    for epoch in range(options.epochs):
        sampler.set_epoch(epoch)
        distributed.barrier()
        start = time.perf_counter()
        for x, y in loader:
            optimizer.zero_grad()
            loss(net(x.contiguous(memory_format=torch.channels_last)), y).backward()
            optimizer.step()
        distributed.barrier()
        seconds.append(time.perf_counter() - start)
    if distributed.get_rank() == 0:
        print(json.dumps({"version": torch.__version__, "epoch_seconds": seconds}), flush=True)
    distributed.destroy_process_group()


main()
