"""Where each part comes from: class -> paper and section; everything that a page names is listed in full at its end."""

from __future__ import annotations

from analysis.anatomy.record import Module

TRANSFORMER = "Vaswani et al. 2017"
CONVOLUTION = "Bai et al. 2018"
RECURRENT = "Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000"
SOURCES = {
    "EncoderCore": f"{TRANSFORMER}, section 3.1, the encoder",
    "TransformerCore": f"{TRANSFORMER}, section 3.1, the decoder; alone: Radford et al. 2018",
    "EncoderDecoderCore": f"{TRANSFORMER}, figure 1",
    "Block": f"{TRANSFORMER}, section 3.1; norm first: Xiong et al. 2020, figure 1b",
    "SelfAttention": f"{TRANSFORMER}, section 3.2.2",
    "CrossAttention": f"{TRANSFORMER}, section 3.2.3, the first item",
    "Rotation": "Su et al. 2021, section 3.2",
    "LayerNorm": "Ba et al. 2016, section 3",
    "LSTM": RECURRENT,
    "LSTMCore": RECURRENT,
    "GRU": "Cho et al. 2014, section 2.3",
    "CNNCore": f"{CONVOLUTION}, section 3",
    "Conv1d": f"{CONVOLUTION}, sections 3.2 and 3.3, causal and dilated",
}
"""Name of a class of ours or of torch -> its source."""
OF_MODULE = {("models.cnn_core", "Block"): f"{CONVOLUTION}, section 3.4, residual; norm first and GELU are ours"}
"""Where a name alone does not tell."""
OURS = ("models.", "torch.")
PAPERS = (
    ("Hochreiter & Schmidhuber 1997", "Long Short-Term Memory, Neural Computation 9(8)"),
    ("Gers et al. 2000", "Learning to Forget: Continual Prediction with LSTM, Neural Computation 12(10)"),
    ("Cho et al. 2014", "Learning Phrase Representations using RNN Encoder-Decoder, arXiv 1406.1078"),
    ("Ba et al. 2016", "Layer Normalization, arXiv 1607.06450"),
    ("Vaswani et al. 2017", "Attention Is All You Need, arXiv 1706.03762"),
    ("Radford et al. 2018", "Improving Language Understanding by Generative Pre-Training"),
    ("Bai et al. 2018", "An Empirical Evaluation of Generic Convolutional and Recurrent Networks, arXiv 1803.01271"),
    ("Xiong et al. 2020", "On Layer Normalization in the Transformer Architecture, arXiv 2002.04745"),
    ("Su et al. 2021", "RoFormer: Enhanced Transformer with Rotary Position Embedding, arXiv 2104.09864"),
)


def source(module: Module) -> str:
    """Paper and section; a dash for what has none, as what a stranger wrote."""
    if not module.module.startswith(OURS):
        return "-"
    return OF_MODULE.get((module.module, module.name)) or SOURCES.get(module.name, "-")


def file(module: Module) -> str:
    """Where the class stands: a file of ours, or torch."""
    return "torch.nn" if module.module.startswith("torch.") else f"{module.module.replace('.', '/')}.py"
