"""The sentences of the theory table: where counts differ from what was published, and when attention costs more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis import complexity
from analysis.clocks import wording
from analysis.complexity import ATTENTION, KERNEL, LINEAR, NETWORK, PROJECTIONS, QUADRATIC, Form
from analysis.laws import EXACT, Law
from analysis.published import GROWTH, QUANTITIES, REASONS, Layer
from analysis.wording import shared

CROSSOVER = "Vaswani et al. 2017, section 4: self-attention is faster than recurrence as long as n is smaller than d"
FEED_FORWARD = 16.0
"""Of a block's coefficient of n d²: two products with 4 d units, 2 FLOPs a multiply-add (Vaswani et al. 2017, 3.3)."""


def texts(laws: Mapping[str, Law]) -> list[str]:
    """Each law once, with its misfit unless it is exact, and with the names of its architectures where laws differ."""
    grouped = shared(
        (law.text + (f" within {100 * law.misfit:.2g} %" * (law.misfit > EXACT)), name) for name, law in laws.items()
    )
    return list(grouped) if len(grouped) == 1 else [f"{text} ({', '.join(names)})" for text, names in grouped.items()]


def differences(layer: Layer) -> list[str]:
    """One sentence for each entry that differs, or agrees for another reason than one would think."""
    if not layer.published:
        return []
    said = _about_flops(layer)
    for quantity in QUANTITIES:
        entry = getattr(layer.published, quantity.entry)
        for growth, names in shared((law.growth, n) for n, law in layer.laws[quantity.metric].items()).items():
            reason = REASONS.get((layer.family, quantity.metric, growth), "")
            if growth == GROWTH[entry] and not reason:
                continue
            laws = {name: layer.laws[quantity.metric][name] for name in names}
            held = "grows as published" if growth == GROWTH[entry] else f"the published entry is {entry}"
            found = f"{layer.title}, {quantity.title.lower()}: {'; '.join(texts(laws))}; {held}. {reason}"
            said.append(found if reason else f"{found}No reason is known.")
    return said


def _about_flops(layer: Layer) -> list[str]:
    form = layer.form
    if form is None:
        return []
    start = f"{layer.title}, FLOPs: "
    linear, steep = (PROJECTIONS, ATTENTION) if form.has_width else (LINEAR, QUADRATIC)
    if layer.family == "transformer" and {linear, steep} <= set(form.terms):
        rest = Form({linear: form.terms[linear]}, form.scope, 0.0, form.points).text
        until = f"{form.terms[linear] / form.terms[steep]:.3g}{' d' if form.has_width else ''}"
        return [
            f"{start}the published entry leaves out {rest}, projections and feed-forward layers, and these cost "
            f"more than the attention between positions up to n = {until}."
        ]
    if layer.family == "cnn" and form.has_width:
        return [
            f"{start}a layer costs what is published, times 2 a multiply-add. {_about_kernel(form)}But a receptive "
            "field over n needs about log₂ n layers, so the network costs O(k n log n d²)."
        ]
    if layer.family == "cnn":
        return [
            f"{start}at a fixed number of parameters a CNN with more layers is narrower, so the network's cost "
            "is linear in n; that covering n takes more layers shows in the sequential operations."
        ]
    return []


def _about_kernel(form: Form) -> str:
    """What is in the coefficients of a convolution beside k."""
    kernels = sorted(form.points["k"].dropna().unique())
    if {KERNEL, PROJECTIONS} <= set(form.terms):
        return "What has no k is the one-tap convolution behind each. "
    if len(kernels) == 1 and PROJECTIONS in form.terms:
        of_k = form.terms[PROJECTIONS] / kernels[0]
        return (
            f"k was {kernels[0]:g} throughout, so the coefficient is {of_k:.3g} k, the one-tap convolution included. "
        )
    return ""


def varied(layers: Sequence[Layer]) -> str:
    """What the fits can tell, and how well they hold."""
    forms = [(layer.title, layer.form) for layer in layers if layer.form]
    fixed = [title for title, form in forms if not form.has_width]
    said = []
    if fixed:
        said.append(
            f"The width d was not varied for {wording.listed(fixed)}: powers of d cannot be told, and the "
            "coefficients are of n and n² at the one size that was traced."
        )
    loose = [f"{form.misfit:.0%} ({title})" for title, form in forms if form.has_width]
    if loose:
        said.append(
            f"Largest residual: {wording.listed(loose)}. Parameters are what was matched, so each model's "
            "second size (units, channels) strays from d, and the coefficients with it."
        )
    return " ".join(said)


def crossover(layers: Sequence[Layer]) -> str:
    """Where attention starts to cost more FLOPs than the LSTM, beside the published sentence."""
    forms = {layer.family: layer.form for layer in layers if layer.form}
    attention, recurrent = forms.get("transformer"), forms.get("lstm")
    if attention is None or recurrent is None or attention.has_width != recurrent.has_width:
        return ""
    if not attention.has_width:
        return _at_one_size(attention, recurrent)
    if NETWORK in (attention.scope, recurrent.scope) or ATTENTION not in attention.terms:
        return ""
    a, b, c = attention.terms.get(PROJECTIONS, 0.0), attention.terms[ATTENTION], recurrent.terms.get(PROJECTIONS, 0.0)
    if not c:
        return ""
    block = complexity.crossing(a, b, c)
    said = f"{CROSSOVER}. Fitted at equal width: "
    said += (
        f"a whole block passes an LSTM layer at n = {block:.3g} d"
        if block
        else "a whole block, its feed-forward layers included, costs more FLOPs than an LSTM layer at every n"
    )
    if a > FEED_FORWARD and (without := complexity.crossing(a - FEED_FORWARD, b, c)):
        said += (
            f"; without its feed-forward layers ({FEED_FORWARD:g} n d² by design) it does so from n = {without:.3g} d"
        )
    return f"{said}; the {b:.3g} n² d alone, which the sentence speaks of, passes {c:.3g} n d² at n = {c / b:.3g} d."


def _at_one_size(attention: Form, recurrent: Form) -> str:
    a, b, c = attention.terms.get(LINEAR, 0.0), attention.terms.get(QUADRATIC, 0.0), recurrent.terms.get(LINEAR, 0.0)
    size, shortest = attention.span("core_parameters"), attention.points["n"].min()
    passed, doubled = complexity.crossing(a, b, c), complexity.crossing(a, b, 2 * c)
    said = f"{CROSSOVER}. Fitted at equal core parameters ({size}), where d was not varied: the Transformer "
    if passed is None:
        return f"{said}never passes the LSTM's FLOPs."
    said += (
        "costs more FLOPs than the LSTM at every traced n"
        if passed < shortest
        else f"passes the LSTM's FLOPs at n = {passed:,.0f}"
    )
    return f"{said}, and twice as many from n = {doubled:,.0f} on." if doubled else f"{said}."
