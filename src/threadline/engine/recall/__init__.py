"""The stages of a recall: scope, words, meaning, fuse, budget."""
