"""The nets of torch.sh in PyTorch: each a base without its top, as `model.base` names it, and a new head.

A strided convolution of MobileNet is padded on all sides where Keras pads two: the same work, and no layer for it.
"""
from torch import cat, nn


def conv(cin, cout, kernel, stride=1, padding=0, groups=1, bias=True):
    return nn.Conv2d(cin, cout, kernel, stride, padding, groups=groups, bias=bias)


def vgg16():
    layers, channels = [], 3
    for width, convolutions in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(convolutions):
            layers += [conv(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Fire(nn.Module):
    def __init__(self, cin, squeeze, expand):
        super().__init__()
        self.squeeze, self.relu = conv(cin, squeeze, 1), nn.ReLU(inplace=True)
        self.one, self.three = conv(squeeze, expand, 1), conv(squeeze, expand, 3, padding=1)

    def forward(self, x):
        x = self.relu(self.squeeze(x))
        return cat([self.relu(self.one(x)), self.relu(self.three(x))], 1)


def squeezenet1_0():
    def pool():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        conv(3, 96, 7, 2), nn.ReLU(inplace=True), pool(), Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), pool(),
        Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), pool(), Fire(512, 64, 256))


def mobilenet_v1():
    def normed(layer, width):
        return [layer, nn.BatchNorm2d(width, 1e-3), nn.ReLU6(inplace=True)]

    layers, channels = normed(conv(3, 32, 3, 2, 1, bias=False), 32), 32
    for width, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        layers += normed(conv(channels, channels, 3, stride, 1, groups=channels, bias=False), channels)
        layers += normed(conv(channels, width, 1, bias=False), width)
        channels = width
    return nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, cin, width, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(cin, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.relu, self.down = nn.ReLU(inplace=True), None
        if stride > 1:
            self.down = nn.Sequential(conv(cin, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (self.down(x) if self.down else x))


def resnet20_cifar():
    layers, channels = [conv(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)], 16
    for width in [16, 32, 64]:
        for block in range(3):
            layers.append(Block(channels, width, 2 if block == 0 and width > 16 else 1))
            channels = width
    return nn.Sequential(*layers)


BASES = {"vgg16": (vgg16, 512), "squeezenet1_0": (squeezenet1_0, 512), "mobilenet_v1": (mobilenet_v1, 1024),
         "resnet20_cifar": (resnet20_cifar, 64)}  # and the channels that each leaves


def head(name, image):
    channels = BASES[name][1]
    if name == "vgg16":
        return [nn.Flatten(), nn.Linear(channels * (image // 32) ** 2, 256), nn.ReLU(), nn.Linear(256, 10)]
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


class Net(nn.Module):
    """Frozen: the base's first layers, all ("base"), none ("none"), or those before VGG16's last block ("block5"). They
    infer, in training too: batch norms use the statistics that they have."""

    def __init__(self, name, image, freeze):
        super().__init__()
        self.base, self.head = BASES[name][0](), nn.Sequential(*head(name, image))
        self.frozen = self.base[:{"base": len(self.base), "block5": 24, "none": 0}[freeze]]
        self.frozen.requires_grad_(False)
        self.train()

    def train(self, mode=True):
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, x):
        return self.head(self.base(x))
