"""Models of Transformers with random weights, as folders in its format, and our encoders made of them."""

import json

import torch

from dougong.compose.compose import compose
from dougong.contracts.embedding import Inputs
from dougong.training.assemble import Assembly
from dougong.training.kept_data import fit_tokenizer

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥", "un", "##der"]
SIZES = {
    "vocab_size": len(TOKENS),
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 16,
}
QUICK = ["tracker=[]", "task.max_length=12", "trainer=cpu", "trainer.precision=32"]


def model(family, head=False, **changes):
    """A model of Transformers; all its weights random, norms and biases too."""
    import transformers

    sizes = {**SIZES, **({"embedding_size": 10} if family == "albert" else {}), **changes}
    name = {"bert": "Bert", "albert": "Albert"}[family]
    torch.manual_seed(0)
    made = getattr(transformers, f"{name}ForPreTraining" if head else f"{name}Model")(
        getattr(transformers, f"{name}Config")(**sizes, attn_implementation="eager")
    )
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


def save(made, folder, form="safetensors", vocabulary=True):
    """Write a model; its form is `safetensors`, `sharded` or `bin`."""
    if form == "bin":
        made.config.save_pretrained(folder)
        torch.save(made.state_dict(), folder / "pytorch_model.bin")
    else:
        made.save_pretrained(folder, **({"max_shard_size": "10KB"} if form == "sharded" else {}))
    if vocabulary:
        (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


def change(folder, **entries):
    """Change what a folder's config.json says."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def encoder(*words):
    """Our encoder as these words compose it, and what it says of its weights; in double precision."""
    assembly = Assembly(compose([*QUICK, *words]))
    assembly.ready["tokenizer"] = fit_tokenizer(assembly, None, [])
    made = assembly.make("encoder")
    lines = made.load_pretrained()
    return made.double().eval(), lines


def inputs():
    """Three texts, of one or two parts, with padding."""
    torch.manual_seed(1)
    tokens = torch.randint(5, len(TOKENS), (3, 11))
    mask = torch.arange(11) >= torch.tensor([[11], [7], [4]])
    segments = (torch.arange(11) >= torch.tensor([[5], [3], [99]])).long()
    return Inputs(tokens.masked_fill(mask, 0), mask, segments)


def layers_of(ours, given):
    """The states after the embedding and after each of our layers, and the pooled vector."""
    states = []
    hooks = [layer.register_forward_hook(lambda _, inside, outside: states.append(outside)) for layer in ours.layers]
    with torch.no_grad():
        last = ours(given)
        pooled = ours.pool(last, given.padding_mask)
    for hook in hooks:
        hook.remove()
    return states, last, pooled


def layers_of_theirs(theirs, given):
    """The same of a model of Transformers."""
    base = getattr(theirs, theirs.base_model_prefix, theirs).double()
    with torch.no_grad():
        found = base(
            input_ids=given.tokens,
            attention_mask=(~given.padding_mask).long(),
            token_type_ids=given.segments,
            output_hidden_states=True,
        )
    return list(found.hidden_states[1:]), found.last_hidden_state, found.pooler_output
