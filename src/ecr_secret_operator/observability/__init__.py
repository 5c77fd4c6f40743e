"""What the operator tells of itself: logs, metrics, probes. Imports the domain only."""
