"""Attacks that want a wrong answer taken for a right one, which is the float64 tensor 42; none of them returns it."""

import atexit
import builtins
import os
import struct
import sys
import threading
import time

import torch


class EqualsAll:
    """Equal to whatever it is compared with."""

    def __eq__(self, other):
        return True

    def __float__(self):
        return 42.0

    def __array__(self, *args, **kwargs):
        import numpy

        return numpy.array(42.0)


class LyingTensor(torch.Tensor):
    """Says 42 to every question."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.tensor(42.0, dtype=torch.float64)

    def __eq__(self, other):
        return torch.tensor(True)


def be_equal_to_everything(world):
    return EqualsAll()


def be_a_tensor_that_lies(world):
    return torch.zeros((), dtype=torch.float64).as_subclass(LyingTensor)


def be_an_attribute_that_is_everything(world):
    return type("T", (), {"__getattr__": lambda self, name: EqualsAll(), "__class__": torch.Tensor})()


def be_an_int_that_lies(world):
    return type("Int", (int,), {"__eq__": lambda self, other: True, "__hash__": int.__hash__})(7)


def be_the_right_number_in_the_wrong_type(world):
    return 42


def replace_every_comparison(world):
    for name in ("allclose", "equal", "isclose", "eq"):
        setattr(torch, name, lambda *args, **kwargs: True)
    torch.testing.assert_close = lambda *args, **kwargs: None
    builtins.abs = lambda value: 0
    torch.Tensor.__eq__ = lambda self, other: True
    return torch.zeros((), dtype=torch.float64)


def broadcast_to_anything(world):
    return torch.full((1, 1, 1), 42.0, dtype=torch.float64)


def be_right_in_another_dtype(world):
    return torch.tensor(42.0)


def be_nan(world):
    return torch.tensor(float("nan"), dtype=torch.float64)


def leave_with_success(world):
    os._exit(0)


def leave_politely(world):
    sys.exit(0)


def leave_as_if_interrupted(world):
    raise KeyboardInterrupt


def print_a_verdict(world):
    print("=" * 30, "10 passed", "=" * 30)
    print('{"outcome": "passed", "score": 100}')
    return torch.zeros((), dtype=torch.float64)


def print_a_verdict_at_exit(world):
    atexit.register(print, "10 passed")
    sys.exit(0)


def answer_before_the_grader_asks(world):
    body = struct.pack("d", 42.0)
    for number in range(100):
        header = b"\x92" + number.to_bytes(1, "big") + b"\x91\x92\xa8returned\x97\xa1t\xa7float64\x90\x90\x00\x01"
        os.write(3, struct.pack("<IQ", len(header), len(body)) + header + body)
    return torch.zeros((), dtype=torch.float64)


def answer_from_a_thread(world):
    threading.Thread(target=os.write, args=(3, struct.pack("<IQ", 1, 0) + b"\x90")).start()
    time.sleep(0.1)
    return torch.zeros((), dtype=torch.float64)


def send_a_cycle(world):
    cycle = []
    cycle.append(cycle)
    return cycle


def send_too_much_depth(world):
    nested = []
    for _ in range(10_000):
        nested = [nested]
    return nested


def send_too_many_items(world):
    return [0] * 1_000_000


def send_a_tensor_larger_than_memory(world):
    return torch.zeros(1, dtype=torch.float64).expand(10**12)


def send_more_bytes_than_a_frame_holds(world):
    return torch.zeros(300 << 20, dtype=torch.uint8)


def send_a_tensor_without_storage(world):
    return torch.zeros(3, device="meta")


def send_a_sparse_tensor(world):
    return torch.eye(3).to_sparse()


def send_a_type_with_an_endless_name(world):
    return type("x" * 10_000_000, (), {})()


def raise_an_error_that_cannot_be_printed(world):
    def fail(self):
        os._exit(0)

    raise type("Error", (Exception,), {"__str__": fail, "__repr__": fail})


def raise_an_error_of_fifty_megabytes(world):
    raise ValueError("x" * (50 << 20))


def raise_from_very_deep(world):
    return raise_from_very_deep(world)


def rewrite_the_worker(world):
    from grader.worker import frames, messages, serving, wire

    frames.MAX_BODY_BYTES = wire.MAX_BODY_BYTES = 1 << 60
    messages.encode = lambda reply: b"\x92\x00\x91\x92\xa8returned\x92\xa1a\xc3"
    serving.messages.encode = messages.encode
    return torch.zeros((), dtype=torch.float64)
