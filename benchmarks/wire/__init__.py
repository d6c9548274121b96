"""The same requests sent to Hindsight's server and to ours, and how the answers differ: `make wire-diff`."""
