"""What builds are: values and rules without input, output, clock or randomness."""
