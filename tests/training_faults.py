"""Faults of optimizers, layers, models and data, for tests/plant_faults.py."""

from tests.faults import Fault

ADAM, SGD = "minigrad/optim/adam.py", "minigrad/optim/sgd.py"

FAULTS = [
    # ---- optimizers ----
    Fault(
        "Adam with 1 - beta for 1 - beta^t",
        ADAM,
        "lr * root / (1 - b1**step)",
        "lr * root / (1 - b1)",
        ("optim/updates::the_formula", "optim/updates::a_constant_gradient_moves_lr_per_step"),
    ),
    Fault(
        "Adam's eps within the root",
        ADAM,
        "        t += floor\n",
        "        t += floor**0.5\n",
        ("optim/updates::the_formula",),
    ),
    Fault(
        "momentum that damps the gradient, as of a running mean",
        SGD,
        "b += g * (1 - dampening) if dampening else g",
        "b += g * (1 - momentum)",
        ("optim/updates::the_formula",),
    ),
    Fault(
        "AdamW's decay in the gradient",
        ADAM,
        '"decay": 0.0 if decoupled else decay',
        '"decay": decay',
        ("optim/updates::the_formula",),
    ),
    Fault(
        "a schedule that sets the rate instead of going on from it",
        "minigrad/optim/lr_scheduler/factors.py",
        "return found if now == before else found * (now / before)",
        "return self._closed(i, group)",
        ("optim/schedules::schedules_on_one_optimizer_compose",),
    ),
    # ---- layers of images ----
    Fault(
        "a NaN that is passed over in a window",
        "minigrad/ops/windows.py",
        "going &= (part != best) & (part == part)",
        "going &= part != best",
        ("ops/windows::of_equals_the_first_is_chosen_and_a_nan_before_all",),
    ),
    Fault(
        "a mirror that repeats the edge",
        "minigrad/nn/functional/images.py",
        "part(1, before + 1).flip(dim)",
        "part(0, before).flip(dim)",
        ("nn/images::pad_modes",),
    ),
    Fault(
        "a spectral norm's vectors that the next forward changes",
        "minigrad/nn/utils/norms.py",
        "sigma = u.clone() @ (matrix @ v.clone())",
        "sigma = u @ (matrix @ v)",
        ("nn/utils::a_spectral_norm_learns_and_goes_twice_through_one_backward",),
    ),
    # ---- models ----
    Fault(
        "exp(logvar) for exp(logvar / 2)",
        "models/vae.py",
        "mu + (0.5 * logvar).exp() * eps",
        "mu + logvar.exp() * eps",
        ("models/vae::samples_of_q_have_variance_exp_logvar", "parity/vae::*"),
    ),
    Fault(
        "gradients of a step added to those of the one before",
        "models/model.py",
        "    optimizer.zero_grad()\n    loss.backward()",
        "    loss.backward()",
        (
            "models/autoencoder::a_step_goes_down_the_gradient_of_this_batch",
            "parity/autoencoder::*",
        ),
    ),
    Fault(
        "a state without the numbers that no gradient moves",
        "models/model.py",
        "return {**states, **self._numbers()}",
        "return states",
        ("models/model::the_trainer_trains_any_model_and_goes_on_with_it",),
    ),
    Fault(
        "a likelihood averaged over pixels",
        "models/likelihoods.py",
        "values.flatten(1).sum(1)",
        "values.flatten(1).mean(1)",
        ("models/likelihoods::the_gaussian_likelihood_is_summed_over_pixels", "parity/vae::*"),
    ),
    Fault(
        "green that is moved by itself",
        "models/likelihoods.py",
        "by[0] * before[0]",
        "by[0] * before[1]",
        ("models/mixtures::the_colours_of_a_pixel_share_all_of_the_probability",),
    ),
    Fault(
        "a prior that has the posterior's mean",
        "models/ladder.py",
        "logvar - e * e)",
        "logvar - (e - mu) * (e - mu))",
        ("models/ladder::the_weights_are_the_densities_of_the_same_latents",),
    ),
    Fault(
        "a discriminator's step that reaches the generator",
        "models/gan.py",
        "with mg.no_grad(), untouched_buffers(self.generator):\n            samples",
        "with untouched_buffers(self.generator):\n            samples",
        ("models/gan::a_discriminator_step_leaves_no_trace_in_the_generator",),
    ),
    Fault(
        "a balance that may leave its bounds",
        "models/began.py",
        "(self.balance + self.rate * excess).clip(0, 1)",
        "self.balance + self.rate * excess",
        ("models/began::k_stays_between_0_and_1",),
    ),
    Fault(
        "features of images that learn to be like those of their reconstructions",
        "models/vaegan.py",
        "real.detach() - fake",
        "real - fake",
        ("models/vaegan::features_are_summed_and_those_of_images_are_a_target", "parity/zoo::*"),
    ),
    Fault(
        "a generator that does not see how the discriminator will answer",
        "models/zoo/unrolled.py",
        "weight - self.eta * slope for",
        "weight - self.eta * slope.detach() for",
        ("models/zoo::the_generators_gradient_goes_through_the_discriminators_steps",),
    ),
    Fault(
        "a cycle that ends at another image",
        "models/cyclegan.py",
        "F.l1_loss(self.back(fake_y), x)",
        "F.l1_loss(self.back(fake_y), x.roll(1, 0))",
        ("models/cyclegan::the_losses_are_those_of_the_paper", "parity/translation::cyclegan"),
    ),
    Fault(
        "a pool that does not know which places are taken",
        "models/cyclegan.py",
        "self.there[places] = True",
        "self.there[places] = False",
        ("models/cyclegan::no_image_is_lost_or_doubled",),
    ),
    Fault(
        "wrong captions that weigh as much as data",
        "models/text_to_image.py",
        "refused(d.score(h, wrong)).mean()) / 2",
        "refused(d.score(h, wrong)).mean())",
        (
            "models/text_to_image::the_discriminator_refuses_samples_and_wrong_captions_by_half_each",
            "parity/translation::gan_cls",
        ),
    ),
    Fault(
        "an L1 of images from 0 to 1",
        "models/pix2pix.py",
        "l1 = F.l1_loss(made, y)",
        "l1 = F.l1_loss(made / 2, y / 2)",
        ("models/pix2pix::the_generators_loss_is_that_of_the_paper", "parity/translation::pix2pix"),
    ),
    Fault(
        "a caption that is held out, by a changed word",
        "minigrad/data/captions.py",
        "(held_out(slots)[:, None] | ~held_out(every))",
        "True",
        ("data/captions::a_changed_caption_is_wrong_in_one_slot",),
    ),
    Fault(
        "codes for the data of an adversarial autoencoder's discriminator",
        "models/aae.py",
        "self.discriminator, self.draw_prior(len(z)), z",
        "self.discriminator, z, self.draw_prior(len(z))",
        ("models/aae::draws_of_the_prior_are_the_discriminators_data", "parity/aae::*"),
    ),
    Fault(
        "codes of the encoder before its step",
        "models/aae.py",
        "        loss = self.reconstruction_step(x)\n"
        "        z = self.model.encoder(x)  # by the encoder as it is after its first step\n",
        "        z = self.model.encoder(x)\n        loss = self.reconstruction_step(x)\n",
        ("models/aae::the_game_is_played_with_codes_of_the_encoder_after_its_first_step",),
    ),
    Fault(
        "free nats of each image",
        "models/pixelvae.py",
        ".mean(0)\n        return Terms(rec + self.beta * kl.clip(self.free).sum(), rec, kl.sum())",
        "\n        kl = kl.clip(self.free).mean(0)\n"
        "        return Terms(rec + self.beta * kl.sum(), rec, kl.sum())",
        ("models/pixelvae::free_nats_are_of_the_batchs_mean_of_each_latent", "parity/pixelvae::*"),
    ),
    Fault(
        "a log determinant with the other sign",
        "models/flows.py",
        ".sum(2) + log_det",
        ".sum(2) - log_det",
        ("models/flows::the_weights_are_the_densities_of_the_same_samples", "parity/flows::*"),
    ),
    Fault(
        "an autoregressive step that sees the latent that it changes",
        "models/flows.py",
        "self.m = MaskedLinear(degree <= place.unsqueeze(1))",
        "self.m = MaskedLinear(degree <= place.unsqueeze(1) + 1)",
        (
            "models/flows::an_autoregressive_step_sees_only_what_is_before",
            "models/flows::the_log_determinant_is_the_jacobians",
            "parity/flows::*",
        ),
    ),
    Fault(
        "planar maps that may fold space",
        "models/flows.py",
        "        u = u + (above - 1 - along) * w / w.square().sum(-1, keepdim=True)\n",
        "",
        (
            "models/flows::planar_flows_are_invertible_whatever_the_network_says",
            "models/flows::the_log_determinant_is_the_jacobians",
            "parity/flows::*",
        ),
    ),
    # ---- what a PyTorch user brings ----
    Fault(
        "a divergence of normals without its means",
        "minigrad/distributions/kl.py",
        "log_ratio.expm1() - log_ratio + z.square()",
        "log_ratio.expm1() - log_ratio",
        ("distributions/distributions::samples_have_the_entropy_and_the_divergence",),
    ),
    Fault(
        "batches in the same order in each epoch",
        "minigrad/data/loader.py",
        "default_rng([self.seed, epoch])",
        "default_rng([self.seed, 0])",
        ("data/loader::epochs_and_seeds_have_different_orders",),
    ),
]
