"""What the operator reports about itself: logs and metrics. Imports the domain only."""
