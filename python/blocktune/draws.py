"""Seeded random numbers as blocktune draws them (sfc32, Chris Doty-Humphrey), so that both see rows in the same order."""

from collections.abc import Iterator

_ALL = 0xFFFFFFFF


def uniform(*name: int) -> Iterator[int]:
    """Uniform 32-bit integers; streams of unlike names, of up to three numbers, are independent."""
    a, b, c = (*(n & _ALL for n in name), 0, 0)[:3]
    counter = 1
    drawn = 0
    while True:
        out = (a + b + counter) & _ALL
        counter = (counter + 1) & _ALL
        a = b ^ (b >> 9)
        b = (c + (c << 3)) & _ALL
        c = ((((c << 21) & _ALL) | (c >> 11)) + out) & _ALL
        drawn += 1
        if drawn > 15:
            yield out


def permutation(n: int, *name: int) -> list[int]:
    """0..n-1 in random order (Fisher and Yates), each draw without the bias of a remainder."""
    draw = uniform(*name)
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        whole = 2**32 - 2**32 % (i + 1)
        j = next(x for x in draw if x < whole) % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order
