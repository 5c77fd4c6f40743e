"""What a resource reports: status, conditions and events."""
