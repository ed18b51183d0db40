"""An accountant and a member at work in a browser."""
