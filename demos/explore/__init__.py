"""The latent-space explorer: a page on localhost that shows what a trained decoder makes of z."""
