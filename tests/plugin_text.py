"""What a plugin file of the tests is made of: HEAD (two base classes), then a test's own text, then FOOT (the hook)."""

HEAD = """
import ctypes, os, signal, sys, time
import torch
from torch import nn
import inbench

class Base(inbench.Method):
    summary, paper, licence = "for a test", "none", "none"

    def inpaint(self, seen, hole, seed):
        return torch.full_like(seen, 0.5)

class Learner(Base):
    def __init__(self, size, params):
        super().__init__(size, params)
        first, last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
        self.net = nn.Sequential(first, nn.BatchNorm2d(4), nn.Dropout(0.2), last)
        self.adam = inbench.adam(self.net.parameters(), 1e-2)

    def step(self, image, hole):
        loss = (self.net(image.masked_fill(hole, 0)) - image).square().mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"loss": loss}

    def inpaint(self, seen, hole, seed):
        return self.net(seen).clamp(0, 1)
"""
FOOT = """
@inbench.hookimpl
def inbench_methods():
    return [found for found in list(globals().values()) if isinstance(found, type) and "name" in vars(found)]
"""
