"""Makes a release and verifies it: `make release` and `make verify-release`. docs/releasing.md describes the steps."""
