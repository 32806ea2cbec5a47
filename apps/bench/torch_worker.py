"""torch_worker.py MODE [--name value]... [workload]...: PyTorch's side of ./dev bench. One JSON object a line."""
import argparse
import array
import ctypes
import json
import os
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("mode")
parser.add_argument("workloads", nargs="*")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--blocks", type=int, default=7)
parser.add_argument("--block-ms", type=float, default=15)
parser.add_argument("--warm-ms", type=float, default=50)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--lr", type=float, default=1e-7)
parser.add_argument("--folder", default="")
parser.add_argument("--foreach", type=int, default=0)
parser.add_argument("--sizes", default="")
options = parser.parse_intermixed_args()
torch.set_num_threads(options.threads)
now = time.perf_counter_ns
dropout = 0.0 if options.mode == "losses" else 0.3


class SwiGLU(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        n = self.norm(x)
        return x + self.down(F.silu(self.gate(n)) * self.up(n))


ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


def optimizer_of(name, parameters):
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    return kind(parameters, lr=options.lr, foreach=bool(options.foreach))


class Step:
    """One training step of a workload, in three phases."""

    def __init__(self, text):
        torch.manual_seed(0)
        self.name, _, spec = text.partition("=")
        self.clip = None
        if self.name == "g":
            layers, sizes = [], [128, 256, 128, 64]
            for i in range(3):
                layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.BatchNorm1d(sizes[i + 1]), nn.ReLU(), nn.Dropout(dropout)]
            self.model = nn.Sequential(*layers, nn.Linear(64, 1))
            self.x, self.y = torch.randn(64, 128), torch.randint(0, 2, (64, 1)).float()
            self.loss, self.clip, optimizer = F.binary_cross_entropy_with_logits, 1.0, "adamw"
        elif self.name == "h":
            self.model = SwiGLU(512, 1365)
            self.x, self.y = torch.randn(8, 32, 512), torch.randn(8, 32, 512)
            self.loss, optimizer = F.mse_loss, "adamw"
        else:
            sizes, hidden, output, batch, loss, optimizer = spec.split(":")
            sizes, batch, layers = [int(s) for s in sizes.split("-")], int(batch), []
            for i in range(len(sizes) - 1):
                layers.append(nn.Linear(sizes[i], sizes[i + 1]))
                kind = output if i + 2 == len(sizes) else hidden
                if kind != "none":
                    layers.append(ACTIVATIONS[kind]())
            self.model = nn.Sequential(*layers)
            self.x = torch.randn(batch, sizes[0])
            if loss == "ce":
                self.y, self.loss = torch.randint(0, sizes[-1], (batch,)), F.cross_entropy
            else:
                self.y, self.loss = torch.randn(batch, sizes[-1]), F.mse_loss
        self.parameters = list(self.model.parameters())
        self.optimizer = optimizer_of(optimizer, self.parameters)

    def load(self, folder):
        with open(os.path.join(folder, self.name + ".bin"), "rb") as file:
            def read(tensor):
                values = array.array("f")
                values.fromfile(file, tensor.numel())
                return torch.tensor(values).reshape(tensor.shape).to(tensor.dtype)
            self.x, self.y = read(self.x), read(self.y)
            with torch.no_grad():
                for parameter in self.parameters:
                    parameter.copy_(read(parameter))

    def forward(self):
        self.optimizer.zero_grad(set_to_none=True)
        return self.loss(self.model(self.x), self.y)

    def update(self):
        if self.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()

    def __call__(self):
        loss = self.forward()
        loss.backward()
        self.update()
        return loss


def blocks_of(timed):
    calls, done, spent, last = 1, 0, 0, 0
    while spent < options.warm_ms * 1e6 or done < 3:
        last = timed(calls)
        spent, done = spent + last, done + calls
        last /= calls
        if last * calls < 1e6:
            calls *= 2
    calls = max(1, int(options.block_ms * 1e6 / last))
    return [timed(calls) / calls for _ in range(options.blocks)]


def measure(call):
    def timed(calls):
        start = now()
        for _ in range(calls):
            call()
        return now() - start
    return blocks_of(timed)


def show(item, **fields):
    print(json.dumps(dict(item=item, **fields)), flush=True)


def steps():
    for text in options.workloads:
        step = Step(text)
        show(step.name, ns=measure(step))


def losses():
    for text in options.workloads:
        step = Step(text)
        step.load(options.folder)
        show(step.name, losses=[step().item() for _ in range(options.steps)])


def phases():
    for text in options.workloads:
        step, spent = Step(text), [[], []]

        def timed(calls):
            forward = backward = 0
            for _ in range(calls):
                t0 = now()
                loss = step.forward()
                t1 = now()
                loss.backward()
                t2 = now()
                step.update()
                forward, backward = forward + t1 - t0, backward + t2 - t1
            spent[0].append(forward / calls)
            spent[1].append(backward / calls)
            return forward + backward
        blocks_of(timed)
        show(step.name, ns=spent[0][-options.blocks:])
        show(step.name + ".backward", ns=spent[1][-options.blocks:])


def scalars():
    """y = y w; y = y + c: recorded, differentiated and freed."""
    w, c = torch.tensor(0.999, requires_grad=True), torch.tensor(0.001, requires_grad=True)
    for length in [int(s) for s in options.sizes.split(",")]:

        def chain():
            y = torch.tensor(1.0)
            for _ in range(length // 2):
                y = y * w
                y = y + c
            y.backward()
            w.grad = c.grad = None
        spent = []
        for _ in range(max(1, min(15, 500000 // length))):
            start = now()
            chain()
            spent.append((now() - start) / length)
        show("chain", size=length, ns=spent)


def blas():
    names = {line.split()[-1] for line in open("/proc/self/maps") if "blas" in line}
    for name in sorted(names):
        library = ctypes.CDLL(name)
        if hasattr(library, "openblas_get_corename"):
            library.openblas_get_corename.restype = ctypes.c_char_p
            show("blas", kernels=library.openblas_get_corename().decode(), threads=[library.openblas_get_num_threads()],
                 version=torch.__version__)
            return
    show("blas", kernels="not OpenBLAS", threads=[0], version=torch.__version__)


def elementwise():
    ones = [torch.randn(256) for _ in range(2)]
    operations = {
        "add": (2, lambda x, y: x + y), "mul": (2, lambda x, y: x * y), "relu": (1, torch.relu),
        "exp": (1, torch.exp), "tanh": (1, torch.tanh), "sigmoid": (1, torch.sigmoid), "gelu": (1, F.gelu),
        "bias": (3, lambda x, b: x + b), "sum0": (1, lambda x: x.sum(0)), "sum1": (1, lambda x: x.sum(1)),
        "softmax": (1, lambda x: F.softmax(x, 1)), "layer_norm": (4, lambda x, g, b: F.layer_norm(x, (256,), g, b)),
        "cross_entropy": (5, F.cross_entropy)}
    for n in [int(s) for s in options.sizes.split(",")]:
        for name, (kind, f) in operations.items():
            x = torch.randn(n // 256, 256)
            inputs = [x] + {1: [], 2: [torch.randn(n // 256, 256)], 3: ones[:1], 4: ones,
                            5: [torch.randint(0, 256, (n // 256,))]}[kind]
            with torch.no_grad():
                show(name + ".forward", size=n, ns=[b / n for b in measure(lambda: f(*inputs))])
            leaves = [t.requires_grad_() for t in inputs if t.is_floating_point()]
            grad = torch.ones_like(f(*inputs))

            def timed(calls):
                spent = 0
                for _ in range(calls):
                    y = f(*inputs)
                    start = now()
                    y.backward(grad)
                    spent += now() - start
                    for t in leaves:
                        t.grad = None
                return spent
            show(name + ".backward", size=n, ns=[b / n for b in blocks_of(timed)])


{"steps": steps, "losses": losses, "phases": phases, "scalars": scalars, "elementwise": elementwise, "blas": blas}[options.mode]()
