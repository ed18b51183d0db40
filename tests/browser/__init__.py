"""What an accountant sees and does in a browser."""
