"""What programs and experiments share: runs, training, arguments, data, evaluation, pictures."""
