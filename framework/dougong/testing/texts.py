"""Texts to check with."""

TEXTS = (
    "斗拱是中国古代建筑的构件。",
    "各部分彼此咬合，不用钉子，也不用胶。",
    "The brackets interlock.",
    "好",
    "2024年，3座桥；100%好评！",
    "木 石 瓦\n砖",
)
"""What tokenizers learn from; different lengths, two scripts, spaces and a line end."""

HOSTILE = {
    "nothing": "",
    "spaces": " \t　\n",
    "one character": "木",
    "characters that were never seen": "龘靐齉 ŧħŋ ქართული",
    "emoji of several code points": "👩‍👩‍👧‍👦🏳️‍🌈",
    "combining marks": "é̂ ñ ạ̈",
    "letters that grow when lowercased": "İSTANBUL ẞ ﬃ",
    "right to left": "שלום עולם مرحبا",
    "control characters": "a\x00b\x07c\u200bd\ufeffe\u2028f",
    "what looks like special tokens": "[CLS] [MASK] [SEP] [PAD] [UNK] <s> </s>",
    "one very long word": "x" * 3000,
    "very long": "斗拱 is interlocked. " * 400,
}
"""Texts that are legal and unusual."""
