"""Links generated Secrets to the ServiceAccounts that resources name."""
