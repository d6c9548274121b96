"""The stages of a retain: split, count, embed."""
