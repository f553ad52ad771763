"""Figures of others that ours stand beside: each once, with its source and date. Nats per image.

Those of PyTorch were measured with PyTorch 2.13.0 on two CPU cores and MNIST's original files, and
entered on 2026-11-22.
"""

# The VAE of Burda et al. 2016 (50 latents, two layers of 200 tanh each way), pixels drawn anew at
# every use: 60 epochs of batches of 100, Adam's rate falling from 1e-3 to 1e-4; test images.
PYTORCH = {"-ELBO": 97.4, "-L_5000, of 500 images": 92.6}
PYTORCH_ACTIVE_UNITS = 21
# The same VAE in the paper, after 3,280 epochs of batches of 20: table 1, and appendix D for the
# fixed binarization.
BURDA = {
    "VAE": 86.76,
    "IWAE, k = 5": 85.54,
    "IWAE, k = 50": 84.78,
    "VAE, fixed binarization": 88.71,
}
# pytorch/examples' VAE 784-400-20, ReLU, grey levels as targets: 10 epochs of batches of 128, two
# seeds; and the convolutional VAE of models/vae.py, 5 epochs. -ELBO of test images.
PYTORCH_MLP, PYTORCH_CONV = (105.2, 105.3), 102.2
