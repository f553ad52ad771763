"""Of the lecture's "GAN zoo", what is cheap to build and teaches something: docs/zoo.md has all."""
