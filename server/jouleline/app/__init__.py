"""What the product does, independent of who asks: analyse a program, refactor, verify, measure."""
