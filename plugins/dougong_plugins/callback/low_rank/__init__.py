"""What the callback `lora` is made of."""
