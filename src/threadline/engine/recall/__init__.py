"""The stages of a recall: question, scope, channels (words, meaning, moments), candidates, signals, rank, select."""
