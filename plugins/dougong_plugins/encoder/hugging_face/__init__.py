"""What the encoder `huggingface` is made of. Nothing here imports transformers before it is called."""
