"""Reading plain text files of any size, piece by piece."""
