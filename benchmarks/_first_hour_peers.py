"""QNN classifiers that others ship."""
PEERS = {}
