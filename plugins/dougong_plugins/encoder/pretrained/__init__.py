"""What the encoder `transformer` has in common with pretrained BERT and ALBERT."""
