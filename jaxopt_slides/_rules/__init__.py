"""The slides' rules, one file each."""
