"""The AWS edge: who we are to AWS, what a token costs, and how one token serves everyone. Imports the domain only."""
