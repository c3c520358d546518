"""The training of heads and of whole networks, with exact resumption."""
