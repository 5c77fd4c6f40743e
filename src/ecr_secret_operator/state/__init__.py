"""What is known of the cluster: caches, indexes and the watches that fill them; and the writes."""
