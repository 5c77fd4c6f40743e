"""What the operator has seen of the cluster. Stores only store and find: they start no watch and enqueue no key."""
