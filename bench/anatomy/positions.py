"""The two ways in which a Transformer learns of order, from the code that the models run.

A table of sines and cosines is added at the entry (Vaswani et al. 2017, section 3.5), or queries and keys are turned
by angles that grow with the position (Su et al. 2021, section 3.2). Both use the same frequencies.
"""

from __future__ import annotations

from typing import Any

import torch

from models.attention import Rotation, angles
from models.transformer_core import sinusoids


def positions(length: int, width: int) -> dict[str, Any]:
    """Table (L, D), angles (L, D/2) in radians, and a vector as the rotation leaves it at every position, (L, D).

    The vector is 1 in the first channel of every pair and 0 in the second: turned, it points along the angle.
    """
    vector = torch.cat((torch.ones(width // 2), torch.zeros(width // 2)))
    turned = Rotation(length, width)(vector.expand(1, 1, length, width))[0, 0]
    return {
        "width": width,
        "table": sinusoids(length, width).tolist(),
        "angles": angles(length, width).tolist(),
        "turned": turned.tolist(),
    }
